//! Whether the traffic changed since edges were fitted to it.

use super::gain::Weighed;
use super::strata::Strata;

/// The most requests that are kept.
const MOST: usize = 4_000;
/// A distance of Kolmogorov and Smirnov of c·√(1/n + 1/m) is exceeded with probability 2·exp(−2·c²) by
/// independent samples of one distribution, here 10⁻⁶.
const C: f64 = 2.7;
/// Fewer new requests are not compared.
const LEAST: usize = 2_000;

/// Cells of predicted lengths.
const CELLS: usize = 64;

/// The requests of a fit.
#[derive(Debug)]
pub(crate) struct Reference {
    /// Sorted by what they took.
    requests: Vec<Weighed>,
    /// How many requests their weights come from.
    arrivals: f64,
    /// Predicted lengths at which cells begin, all but the first, with about as many requests each.
    cells: Vec<u32>,
}

impl Reference {
    pub(super) fn new(requests: &[Weighed], arrivals: f64) -> Self {
        let every = requests.len().div_ceil(MOST).max(1);
        let mut requests: Vec<Weighed> = requests.iter().step_by(every).copied().collect();
        requests.sort_unstable_by_key(|request| request.predicted);
        let starts = (1..CELLS).filter_map(|cell| requests.get(cell * requests.len() / CELLS));
        let mut cells: Vec<u32> = starts.map(|request| request.predicted).collect();
        cells.dedup();
        requests.sort_unstable_by_key(|request| request.actual);
        Self { requests, arrivals, cells }
    }

    /// Whether the requests since the mark of `strata` are unlike these: in how many of them arrive in
    /// each bin, or in what those of nearly equal predictions take. A scheduler chooses by predictions
    /// which requests finish, and which of them together; what they take does not depend on that.
    pub(super) fn is_unlike(&self, strata: &Strata) -> bool {
        self.shares_differ(strata) || self.lengths_differ(strata)
    }

    fn shares_differ(&self, strata: &Strata) -> bool {
        let since: f64 = strata.masses().map(|(_, since)| since).sum();
        if since < LEAST as f64 {
            return false;
        }
        let mut weights = vec![0.0; strata.edges().bins()];
        for request in &self.requests {
            weights[strata.edges().bin(request.predicted)] += request.weight;
        }
        let all: f64 = weights.iter().sum();
        let kept = self.requests.len() as f64;
        let bound = C * (since.recip() + kept.recip() + self.arrivals.recip()).sqrt();
        let differences = strata.masses().zip(&weights);
        distance(differences.map(|((_, now), before)| now / since - before / all)) > bound
    }

    fn cell(&self, predicted: u32) -> usize {
        self.cells.partition_point(|&start| start <= predicted)
    }

    /// Compares what requests of the same cell take, each cell with its weight here.
    fn lengths_differ(&self, strata: &Strata) -> bool {
        let fresh: Vec<(usize, u32)> =
            strata.fresh().map(|(predicted, actual)| (self.cell(predicted), actual)).collect();
        let mut cells = vec![Cell::default(); self.cells.len() + 1];
        for &(cell, _) in &fresh {
            cells[cell].fresh += 1.0;
        }
        for request in &self.requests {
            cells[self.cell(request.predicted)].add(request.weight);
        }
        let all: f64 = cells.iter().map(|cell| cell.weight).sum();
        let known = cells.iter().filter(|cell| cell.fresh > 0.0 && cell.weight > 0.0);
        let weight: f64 = known.clone().map(|cell| cell.weight).sum();
        if fresh.len() < LEAST || weight < 0.5 * all {
            return false;
        }
        let variance: f64 = known.map(|cell| cell.variance(weight)).sum();
        let now = fresh.iter().map(|&(cell, actual)| (actual, cells[cell].step(weight)));
        let before = self.requests.iter().filter_map(|request| {
            let known = cells[self.cell(request.predicted)].fresh > 0.0;
            known.then(|| (request.actual, -request.weight / weight))
        });
        let mut steps: Vec<(u32, f64)> = now.chain(before).collect();
        steps.sort_unstable_by_key(|&(actual, _)| actual);
        let at_once = steps.chunk_by(|a, b| a.0 == b.0);
        let differences = at_once.map(|steps| steps.iter().map(|step| step.1).sum());
        distance(differences) > C * variance.sqrt()
    }
}

/// The requests of one cell: fresh ones, and the weights of those of the reference.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    fresh: f64,
    weight: f64,
    squares: f64,
}

impl Cell {
    fn add(&mut self, weight: f64) {
        self.weight += weight;
        self.squares += weight * weight;
    }

    /// By how much a fresh request raises the share of those that are no longer.
    fn step(&self, all: f64) -> f64 {
        self.weight / all / self.fresh
    }

    fn variance(&self, all: f64) -> f64 {
        (self.weight * self.weight / self.fresh + self.squares) / (all * all)
    }
}

/// The largest absolute value of a sum of the first so many.
fn distance(differences: impl Iterator<Item = f64>) -> f64 {
    let sums = differences.scan(0.0, |sum, difference| {
        *sum += difference;
        Some(*sum)
    });
    sums.fold(0.0, |largest: f64, sum: f64| largest.max(sum.abs()))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::strata::Span;
    use super::*;
    use crate::edges::Edges;

    /// The same every time.
    fn random(n: u32) -> f64 {
        f64::from(n.wrapping_mul(2_654_435_769) >> 8) / f64::from(1 << 24)
    }

    /// `n` requests from the `from`-th on; the second bin has so much of the traffic, and its lengths
    /// are so many times as long. Each bin finishes in batches of `rows`.
    fn observe(strata: &mut Strata, from: u32, n: u32, share: f64, longer: f64, rows: usize) {
        let mut batches = [const { Vec::new() }; 2];
        for i in from..from + n {
            let bin = usize::from(random(i) < share);
            let factor = if bin == 1 { longer } else { 1.0 };
            #[expect(clippy::cast_sign_loss, reason = "positive")]
            let actual = (1_000.0 * factor * random(i + 1_000_000)) as u32;
            batches[bin].push(actual);
            if batches[bin].len() == rows {
                batches[bin].drain(..).for_each(|actual| strata.push(bin as u32 * 10, actual));
            }
            strata.weigh(Some(&[u64::from(bin == 0), u64::from(bin == 1)]));
        }
    }

    /// Whether `share` and `longer` are unlike a half and 1.
    fn is_unlike(share: f64, longer: f64, rows: usize) -> bool {
        let span = Span { window: 20_000, least: 1, longest: 20_000 };
        let mut strata = Strata::new(Edges::new(&[0, 10, 20]).unwrap(), span);
        observe(&mut strata, 0, 20_000, 0.5, 1.0, rows);
        let reference = Reference::new(&strata.weighed(), strata.mass());
        strata.mark();
        observe(&mut strata, 20_000, 5_000, share, longer, rows);
        reference.is_unlike(&strata)
    }

    #[test]
    fn batches_of_one_bin_are_no_drift() {
        for rows in [1, 8, 512, 2_000] {
            assert!(!is_unlike(0.5, 1.0, rows), "{rows}");
        }
    }

    #[test]
    fn other_shares_and_other_lengths_are() {
        for rows in [1, 512] {
            assert!(is_unlike(0.7, 1.0, rows) && is_unlike(0.5, 1.5, rows), "{rows}");
        }
    }

    #[test]
    fn the_distance_is_the_largest_sum() {
        assert_eq!(distance([].into_iter()), 0.0);
        assert_eq!(distance([0.25, -0.75, 0.5].into_iter()), 0.5);
    }
}
