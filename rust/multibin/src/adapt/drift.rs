//! Finds changes of the traffic since edges were fitted to it.

use super::gain::Weighted;
use super::strata::Strata;

/// Limit of the requests that are kept of a fit.
const MAX_KEPT: usize = 4_000;
/// Factor c of the two-sample test of Kolmogorov and Smirnov.
///
/// Independent samples of one distribution exceed a distance of c·√(1/n + 1/m) with probability
/// 2·exp(−2·c²), here 10⁻⁶.
const C: f64 = 2.7;
/// Fewest new requests that are compared.
const MIN_NEW: usize = 2_000;

/// Number of cells of predicted lengths.
const CELLS: usize = 64;

/// Requests of a fit, with which later ones are compared.
#[derive(Debug)]
pub(crate) struct Fitted {
    /// Requests in increasing order of their actual lengths.
    requests: Vec<Weighted>,
    /// Number of requests from which their weights come.
    arrivals: f64,
    /// Predicted lengths at which all cells except the first begin. Cells have about as many
    /// requests each.
    cells: Vec<u32>,
}

impl Fitted {
    /// Keeps a part of the requests of a fit, whose weights come from so many `arrivals`.
    pub(super) fn new(requests: &[Weighted], arrivals: f64) -> Self {
        let every = requests.len().div_ceil(MAX_KEPT).max(1);
        let mut requests: Vec<Weighted> = requests.iter().step_by(every).copied().collect();
        requests.sort_unstable_by_key(|request| request.predicted);
        let starts = (1..CELLS).filter_map(|cell| requests.get(cell * requests.len() / CELLS));
        let mut cells: Vec<u32> = starts.map(|request| request.predicted).collect();
        cells.dedup();
        requests.sort_unstable_by_key(|request| request.actual);
        Self { requests, arrivals, cells }
    }

    /// Returns true if the requests since the mark of `strata` differ from these.
    ///
    /// It compares the arrivals of each bin, and the actual lengths at nearly equal predictions. A
    /// scheduler chooses by predictions which requests finish, and which of them together. Their
    /// actual lengths do not depend on that.
    pub(super) fn differs_from(&self, strata: &Strata) -> bool {
        self.shares_differ(strata) || self.lengths_differ(strata)
    }

    fn shares_differ(&self, strata: &Strata) -> bool {
        let since: f64 = strata.masses().map(|(_, since)| since).sum();
        if since < MIN_NEW as f64 {
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

    /// Compares the actual lengths of requests of one cell, each cell with its weight in the fit.
    fn lengths_differ(&self, strata: &Strata) -> bool {
        let new: Vec<(usize, u32)> =
            strata.since_mark().map(|(predicted, actual)| (self.cell(predicted), actual)).collect();
        let mut cells = vec![Cell::default(); self.cells.len() + 1];
        for &(cell, _) in &new {
            cells[cell].new += 1.0;
        }
        for request in &self.requests {
            cells[self.cell(request.predicted)].add(request.weight);
        }
        let all: f64 = cells.iter().map(|cell| cell.weight).sum();
        let known = cells.iter().filter(|cell| cell.new > 0.0 && cell.weight > 0.0);
        let weight: f64 = known.clone().map(|cell| cell.weight).sum();
        if new.len() < MIN_NEW || weight < 0.5 * all {
            return false;
        }
        let variance: f64 = known.map(|cell| cell.variance(weight)).sum();
        let now = new.iter().map(|&(cell, actual)| (actual, cells[cell].step(weight)));
        let before = self.requests.iter().filter_map(|request| {
            let known = cells[self.cell(request.predicted)].new > 0.0;
            known.then(|| (request.actual, -request.weight / weight))
        });
        let mut steps: Vec<(u32, f64)> = now.chain(before).collect();
        steps.sort_unstable_by_key(|&(actual, _)| actual);
        let at_once = steps.chunk_by(|a, b| a.0 == b.0);
        let differences = at_once.map(|steps| steps.iter().map(|step| step.1).sum());
        distance(differences) > C * variance.sqrt()
    }
}

/// Requests of one cell: the number of new ones, and the weights of those of the fit.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    new: f64,
    weight: f64,
    squares: f64,
}

impl Cell {
    fn add(&mut self, weight: f64) {
        self.weight += weight;
        self.squares += weight * weight;
    }

    /// Returns the rise that a new request gives to the share of requests that are no longer.
    fn step(&self, all: f64) -> f64 {
        self.weight / all / self.new
    }

    fn variance(&self, all: f64) -> f64 {
        (self.weight * self.weight / self.new + self.squares) / (all * all)
    }
}

/// Returns the largest absolute value of the partial sums.
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

    /// Returns a pseudorandom number from 0 to 1.
    fn random(n: u32) -> f64 {
        f64::from(n.wrapping_mul(2_654_435_769) >> 8) / f64::from(1 << 24)
    }

    /// Observes `n` requests from the `from`-th on. The second bin has this `share` of the traffic,
    /// with lengths `longer` times as long. Each bin finishes in batches of `rows`.
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
            strata.update_masses(Some(&[u64::from(bin == 0), u64::from(bin == 1)]));
        }
    }

    /// Returns true if `share` and `longer` are found to differ from a half and 1.
    fn differs(share: f64, longer: f64, rows: usize) -> bool {
        let span = Span { window: 20_000, min_per_bin: 1, max_window: 20_000 };
        let mut strata = Strata::new(Edges::new(&[0, 10, 20]).unwrap(), span);
        observe(&mut strata, 0, 20_000, 0.5, 1.0, rows);
        let fitted = Fitted::new(&strata.weighted(), strata.mass());
        strata.mark();
        observe(&mut strata, 20_000, 5_000, share, longer, rows);
        fitted.differs_from(&strata)
    }

    #[test]
    fn batches_of_one_bin_are_no_drift() {
        for rows in [1, 8, 512, 2_000] {
            assert!(!differs(0.5, 1.0, rows), "{rows}");
        }
    }

    #[test]
    fn other_shares_and_other_lengths_are_a_drift() {
        for rows in [1, 512] {
            assert!(differs(0.7, 1.0, rows) && differs(0.5, 1.5, rows), "{rows}");
        }
    }

    #[test]
    fn the_distance_is_the_largest_partial_sum() {
        assert_eq!(distance([].into_iter()), 0.0);
        assert_eq!(distance([0.25, -0.75, 0.5].into_iter()), 0.5);
    }
}
