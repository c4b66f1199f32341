//! Cuts a sample into groups of neighbouring values: an edge may lie between two groups.

use super::bounds::{above, distinct};

/// A sorted sample cut into groups of equal or neighbouring values.
pub(crate) struct Groups {
    /// Distinct values, and how often each occurs.
    pub(crate) values: Vec<(u32, f64)>,
    /// For each group, the index in `values` after its last value.
    pub(crate) end: Vec<usize>,
}

impl Groups {
    /// Makes at most `max` groups, one for each distinct value if these are no more. `sorted` is
    /// not empty.
    pub(crate) fn new(sorted: &[u32], max: usize) -> Self {
        let values: Vec<(u32, f64)> =
            sorted.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as f64)).collect();
        let end = ends(&values, max);
        Self { values, end }
    }

    pub(crate) fn len(&self) -> usize {
        self.end.len()
    }

    /// Returns the index in `values` of the first value of `group`.
    pub(crate) fn start(&self, group: usize) -> usize {
        if group == 0 { 0 } else { self.end[group - 1] }
    }

    /// Returns the values of `group`, and how often each occurs.
    pub(crate) fn of(&self, group: usize) -> &[(u32, f64)] {
        &self.values[self.start(group)..self.end[group]]
    }

    /// Returns the largest value of `group`.
    pub(crate) fn last(&self, group: usize) -> u32 {
        self.values[self.end[group] - 1].0
    }

    /// Returns the mass of the sample before each group, and the total: `len() + 1` masses.
    pub(crate) fn before(&self) -> Vec<f64> {
        let masses = (0..self.len()).map(|group| self.of(group).iter().map(|value| value.1).sum());
        std::iter::once(0.0).chain(masses.scan(0.0, running_sum)).collect()
    }

    /// Returns the bounds of bins that start with these groups.
    pub(crate) fn bounds(&self, starts: &[usize]) -> Vec<u32> {
        let low = self.values[0].0.min(u32::MAX - 1);
        let inner = starts[1..].iter().map(|&start| above(self.last(start - 1)));
        let top = above(self.last(self.len() - 1));
        distinct(std::iter::once(low).chain(inner).chain([top]))
    }
}

/// Adds a term to a running sum and returns the sum.
#[expect(clippy::unnecessary_wraps, reason = "for Iterator::scan")]
fn running_sum(sum: &mut f64, term: f64) -> Option<f64> {
    *sum += term;
    Some(*sum)
}

/// Returns the ends of at most `max` groups.
///
/// Each value is a group if there are no more values. Otherwise groups end after equal shares of
/// the sum of √(count × gap to the next value).
///
/// The cost of a narrow bin exceeds the sum of its lengths by about mass × width. The total is
/// minimal if the density of edges follows the square root of the density of lengths. Candidates
/// then lie equally close, in widths of the best bins, in the body and in the tail. Long gaps, as
/// in the tail, weigh more. A gap needs one edge only, so none weighs more than a share.
fn ends(values: &[(u32, f64)], max: usize) -> Vec<usize> {
    if values.len() <= max {
        return (1..=values.len()).collect();
    }
    let gap = |pair: &[(u32, f64)]| (pair[0].1 * f64::from(pair[1].0 - pair[0].0)).sqrt();
    let gaps: Vec<f64> = values.windows(2).map(gap).collect();
    let share = share(&gaps, max);
    let cell = |sum: f64| (sum / share).floor();
    let sums = gaps.iter().map(|gap| gap.min(share)).scan(0.0, running_sum);
    let mut ends = Vec::with_capacity(max);
    let mut last = 0.0;
    for (position, sum) in (1..).zip(sums) {
        if cell(sum) > last && ends.len() + 1 < max {
            last = cell(sum);
            ends.push(position);
        }
    }
    ends.push(values.len());
    ends
}

/// Returns the share for which the gaps, each capped at it, sum to `count` shares. Iterates from
/// above.
fn share(gaps: &[f64], count: usize) -> f64 {
    let capped = |share: f64| gaps.iter().map(|gap| gap.min(share)).sum::<f64>() / count as f64;
    (0..8).fold(f64::INFINITY, |share, _| capped(share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_a_group_where_there_is_room() {
        let groups = Groups::new(&[3, 3, 5, 9, 9, 9], 3);
        assert_eq!(groups.values, [(3, 2.0), (5, 1.0), (9, 3.0)]);
        assert_eq!(groups.end, [1, 2, 3]);
        assert_eq!(groups.before(), [0.0, 2.0, 3.0, 6.0]);
    }

    #[test]
    fn the_tail_is_denser_than_its_mass_and_a_long_gap_takes_one_edge() {
        let mut values: Vec<u32> = (0..10_000).collect();
        values.extend((0..100).map(|i| 20_000 + i * 100));
        values.extend([1 << 30, 3 << 30]);
        let groups = Groups::new(&values, 256);
        assert!((200..=256).contains(&groups.len()), "{}", groups.len());
        let tail = (0..groups.len()).filter(|&group| groups.last(group) >= 20_000).count();
        // √(100 × 100) of √(100 × 100) + 10,000 gaps of 1, and the outliers.
        assert!((15..=30).contains(&tail), "{tail}");
    }

    #[test]
    fn groups_keep_every_value_and_stay_within_their_number() {
        for max in [1, 2, 7, 100] {
            let sorted: Vec<u32> = (0..1_000u32).map(|i| i * i * i).collect();
            let groups = Groups::new(&sorted, max);
            assert!(groups.len() <= max && groups.len() * 2 >= max);
            assert_eq!(groups.before().last(), Some(&1_000.0));
            assert!(groups.end.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
