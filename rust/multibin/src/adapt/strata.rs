//! Keeps the last finished requests of each bin: a sample that does not depend on which bins are
//! served.

use std::collections::VecDeque;

use super::gain::Weighted;
use crate::edges::Edges;

/// Limit of the windows from which the shares of the bins come.
const MEMORY: f64 = 4.0;

/// Strata: the last finished requests of each bin, by prediction, weighted by the bin's traffic.
///
/// A scheduler chooses which bins it serves. With a backlog, the last finished requests come from a
/// few batches of one bin each. So each bin keeps its own last requests, and their total weight is
/// the bin's share of the arrivals. Which of a bin's requests finish together does not matter.
#[derive(Debug, Clone)]
pub(crate) struct Strata {
    edges: Edges,
    span: Span,
    bins: Vec<Stratum>,
    /// Number of bins with a known request.
    known: usize,
    /// Number of requests since the start.
    seen: u64,
    /// Value of `seen` at the last [`Strata::mark`].
    marked: u64,
    /// Recent requests that arrived, as far as these are known.
    arrived: f64,
    /// Recent requests that finished.
    finished: f64,
}

/// The rule by which requests of a bin count.
///
/// Those among the last `window` requests of all bins count. A bin with fewer of these than
/// `min_per_bin` counts its last `min_per_bin`, if they are among the last `max_window` of all. A
/// bin without later requests counts them at any age.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) window: usize,
    pub(crate) min_per_bin: usize,
    pub(crate) max_window: usize,
}

/// Last finished requests of one bin, the oldest first.
#[derive(Debug, Clone, Default)]
struct Stratum {
    last: VecDeque<Finished>,
    /// Traffic of the bin, in requests.
    mass: f64,
    /// Traffic of the bin since the last mark, in requests.
    since: f64,
    /// Requests that finished since the last update of the masses.
    finished: u64,
}

impl Stratum {
    /// Returns the requests that count by `span`, after `seen` requests of all bins.
    fn weighted(&self, span: &Span, seen: u64) -> impl Iterator<Item = Weighted> {
        let since = |requests: usize| {
            let oldest = seen.saturating_sub(requests as u64);
            self.last.partition_point(|finished| finished.nth < oldest)
        };
        let enough = self.last.len().saturating_sub(span.min_per_bin);
        let first = since(span.window).min(since(span.max_window).max(enough));
        let first = if first == self.last.len() { enough } else { first };
        let weight = self.mass / (self.last.len() - first) as f64;
        let recent = self.last.range(first..);
        recent.map(move |finished| Weighted {
            predicted: finished.predicted,
            actual: finished.actual,
            weight,
        })
    }
}

/// A finished request, the `nth` of all bins.
#[derive(Debug, Clone, Copy)]
struct Finished {
    nth: u64,
    predicted: u32,
    actual: u32,
}

impl Strata {
    pub(crate) fn new(edges: Edges, span: Span) -> Self {
        let bins = vec![Stratum::default(); edges.bins()];
        Self { edges, span, bins, known: 0, seen: 0, marked: 0, arrived: 0.0, finished: 0.0 }
    }

    pub(crate) fn edges(&self) -> &Edges {
        &self.edges
    }

    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// Returns the number of requests since the start or the last [`Strata::forget`].
    pub(crate) fn seen(&self) -> usize {
        usize::try_from(self.seen).unwrap_or(usize::MAX)
    }

    /// Returns true if nearly all bins are known.
    ///
    /// The unknown bins then have so little traffic that half of the batches of so many rows have
    /// no request of theirs. The wait for bins that are never served is limited. It is at most one
    /// window if they have a fiftieth of the traffic, and four windows if they have half.
    pub(crate) fn knows(&self, rows: u32) -> bool {
        let (seen, unknown, window) = (self.seen(), self.unknown(), self.span.window);
        let waited = seen >= window && unknown <= 0.02 || seen >= 4 * window && unknown <= 0.5;
        // One bin alone is not enough.
        waited && self.known > 1 || unknown * f64::from(rows) <= 0.5
    }

    /// Forgets all requests and shares, but not whether arrivals are known.
    pub(crate) fn forget(&mut self) {
        self.bins.fill(Stratum::default());
        (self.seen, self.marked, self.known) = (0, 0, 0);
    }

    /// Returns the limit of the requests of a bin beyond which it drops those that are too old.
    fn max_kept(&self) -> usize {
        (2 * self.span.window / self.known.max(1)).max(2)
    }

    /// Adds a finished request.
    pub(crate) fn push(&mut self, predicted: u32, actual: u32) {
        let nth = self.seen;
        self.seen += 1;
        let bin = self.edges.bin(predicted);
        self.bins[bin].finished += 1;
        self.keep(bin, Finished { nth, predicted, actual });
    }

    fn keep(&mut self, bin: usize, finished: Finished) {
        let max = self.max_kept();
        let last = &mut self.bins[bin].last;
        self.known += usize::from(last.is_empty());
        last.push_back(finished);
        let oldest = self.seen.saturating_sub(self.span.max_window as u64);
        while last.len() > max && last[0].nth < oldest {
            last.pop_front();
        }
    }

    /// Updates the masses of the bins with the requests since the last update.
    ///
    /// If known, the requests of each bin that `arrived` count, otherwise those that finished.
    /// If fewer requests arrive than half of those that finish, some arrivals are not reported, and
    /// `arrived` is ignored.
    pub(crate) fn update_masses(&mut self, arrived: Option<&[u64]>) {
        let arrived = self.complete(arrived);
        for (bin, stratum) in self.bins.iter_mut().enumerate() {
            let finished = std::mem::take(&mut stratum.finished);
            let arrived = arrived.map(|arrived| arrived.get(bin).copied().unwrap_or(0));
            let requests = arrived.unwrap_or(finished) as f64;
            stratum.mass += requests;
            stratum.since += requests;
        }
        let max = MEMORY * self.span.window as f64;
        let sum = self.mass();
        if sum > max {
            self.bins.iter_mut().for_each(|stratum| stratum.mass *= 0.5 * max / sum);
        }
    }

    /// Returns the arrivals if all are reported.
    fn complete<'a>(&mut self, arrived: Option<&'a [u64]>) -> Option<&'a [u64]> {
        let finished: u64 = self.bins.iter().map(|stratum| stratum.finished).sum();
        let reported = arrived.map_or(finished, |arrived| arrived.iter().sum());
        self.arrived += reported as f64;
        self.finished += finished as f64;
        if self.finished > MEMORY * self.span.window as f64 {
            (self.arrived, self.finished) = (0.5 * self.arrived, 0.5 * self.finished);
        }
        arrived.filter(|_| 2.0 * self.arrived >= self.finished)
    }

    /// Marks the requests that finish from now on as new.
    pub(crate) fn mark(&mut self) {
        self.marked = self.seen;
        self.bins.iter_mut().for_each(|stratum| stratum.since = 0.0);
    }

    /// Returns the number of requests from which the shares of the bins come.
    pub(crate) fn mass(&self) -> f64 {
        self.bins.iter().map(|stratum| stratum.mass).sum()
    }

    /// Returns the share of the traffic in bins without a finished request.
    pub(crate) fn unknown(&self) -> f64 {
        let unknown = self.bins.iter().filter(|stratum| stratum.last.is_empty());
        let unknown: f64 = unknown.map(|stratum| stratum.mass).sum();
        let all = self.mass();
        if all > 0.0 { unknown / all } else { 1.0 }
    }

    /// Returns for each bin the number of requests from which its share comes: all, and those since
    /// the mark.
    pub(crate) fn masses(&self) -> impl Iterator<Item = (f64, f64)> {
        self.bins.iter().map(|stratum| (stratum.mass, stratum.since))
    }

    /// Returns the predicted and actual lengths of the kept requests that finished since the mark.
    pub(crate) fn since_mark(&self) -> impl Iterator<Item = (u32, u32)> {
        self.bins.iter().flat_map(|stratum| {
            let first = stratum.last.partition_point(|finished| finished.nth < self.marked);
            stratum.last.range(first..).map(|finished| (finished.predicted, finished.actual))
        })
    }

    /// Returns the number of requests that are kept.
    pub(crate) fn len(&self) -> usize {
        self.bins.iter().map(|stratum| stratum.last.len()).sum()
    }

    /// Returns the requests of each bin that count; their total weight is the mass of the bin.
    pub(crate) fn weighted(&self) -> Vec<Weighted> {
        let occupied = self.bins.iter().filter(|stratum| stratum.mass > 0.0);
        occupied.flat_map(|stratum| stratum.weighted(&self.span, self.seen)).collect()
    }

    /// Regroups the requests by other edges.
    ///
    /// The requests of a bin have one weight. So requests below the mean weight are thinned out
    /// until each weighs as much as the mean.
    pub(crate) fn set_edges(&mut self, edges: Edges, span: Span) {
        let mean = self.mass() / self.len() as f64;
        let mut known: Vec<(Finished, f64)> = Vec::new();
        for stratum in &mut self.bins {
            let weight = stratum.mass / stratum.last.len() as f64;
            let (mut sum, share) = (0.5, (weight / mean).min(1.0));
            let kept = stratum.last.drain(..).filter(|_| {
                sum += share;
                let keep = sum >= 1.0;
                sum -= f64::from(u8::from(keep));
                keep
            });
            known.extend(kept.map(|finished| (finished, weight.max(mean))));
        }
        known.sort_unstable_by_key(|(finished, _)| finished.nth);
        self.bins = vec![Stratum::default(); edges.bins()];
        (self.edges, self.span, self.known) = (edges, span, 0);
        for (finished, weight) in known {
            let bin = self.edges.bin(finished.predicted);
            self.bins[bin].mass += weight;
            self.keep(bin, finished);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const SPAN: Span = Span { window: 100, min_per_bin: 5, max_window: 200 };

    fn strata() -> Strata {
        Strata::new(Edges::new(&[0, 10, 20]).unwrap(), SPAN)
    }

    /// Returns the number of requests of each bin that count, and their rounded weight.
    fn weights(strata: &Strata) -> [(usize, f64); 2] {
        let weighted = strata.weighted();
        [0, 10].map(|low| {
            let own = weighted.iter().filter(|request| request.predicted == low);
            (own.clone().count(), own.map(|request| request.weight).sum::<f64>().round())
        })
    }

    #[test]
    fn arrivals_set_the_weights_of_bins_whatever_finishes() {
        let mut strata = strata();
        (0..50).for_each(|_| strata.push(0, 1));
        strata.update_masses(Some(&[30, 10]));
        assert_eq!(weights(&strata), [(50, 30.0), (0, 0.0)]);
        assert_eq!(strata.unknown(), 0.25);
        (0..2).for_each(|_| strata.push(10, 1));
        strata.update_masses(Some(&[0, 0]));
        assert_eq!(weights(&strata), [(50, 30.0), (2, 10.0)]);
        assert_eq!(strata.unknown(), 0.0);
        strata.update_masses(None);
        assert_eq!(weights(&strata), [(50, 30.0), (2, 10.0)]);
    }

    #[test]
    fn finished_requests_set_the_weights_where_arrivals_are_unknown() {
        let mut strata = strata();
        (0..9).for_each(|i| strata.push(i % 3 / 2 * 10, 1));
        strata.update_masses(Some(&[0, 0]));
        assert_eq!(weights(&strata), [(6, 6.0), (3, 3.0)]);
    }

    #[test]
    fn a_bin_with_few_requests_keeps_them_longer_and_the_last_until_others_come() {
        let mut strata = strata();
        (0..50).for_each(|_| strata.push(10, 1));
        let mut counts = |requests: usize| {
            (0..requests).for_each(|_| strata.push(0, 1));
            strata.update_masses(None);
            weights(&strata).map(|(count, _)| count)
        };
        assert_eq!(counts(90), [90, 10]);
        assert_eq!(counts(50), [100, 5]);
        assert_eq!(counts(58), [100, 2]);
        assert_eq!(counts(2_000), [100, 5]);
    }

    #[test]
    fn other_edges_keep_the_requests_and_their_weights() {
        let mut strata = strata();
        (0..40).for_each(|i| strata.push(i % 20, 1));
        strata.update_masses(Some(&[30, 10]));
        strata.set_edges(Edges::new(&[0, 5, 10, 20]).unwrap(), SPAN);
        let masses: Vec<f64> = strata.masses().map(|(mass, _)| mass).collect();
        assert_eq!(masses, [15.0, 15.0, 10.0]);
        // Requests of the second bin weighed half of the mean.
        assert_eq!((strata.len(), strata.seen()), (30, 40));
    }

    #[test]
    fn bins_are_known_enough_when_few_batches_hold_unknown_ones() {
        let mut strata = Strata::new(Edges::new(&[0, 10, 20, 30]).unwrap(), SPAN);
        (0..150).for_each(|_| strata.push(0, 1));
        strata.update_masses(Some(&[900, 60, 40]));
        assert!(strata.knows(5) && !strata.knows(16));
        (0..250).for_each(|_| strata.push(0, 1));
        assert!(!strata.knows(16), "one bin is not enough");
        strata.push(10, 1);
        assert!(strata.knows(16));
    }

    #[test]
    fn forgetting_keeps_whether_arrivals_are_known() {
        let mut strata = strata();
        strata.push(0, 1);
        strata.update_masses(Some(&[1, 1]));
        strata.forget();
        assert_eq!((strata.len(), strata.mass(), strata.unknown()), (0, 0.0, 1.0));
        strata.push(0, 1);
        strata.update_masses(Some(&[0, 0]));
        assert_eq!(strata.mass(), 0.0);
    }

    #[test]
    fn new_requests_finished_since_the_mark() {
        let mut strata = strata();
        (0..30).for_each(|i| strata.push(0, i));
        strata.mark();
        (30..33).for_each(|i| strata.push(0, i));
        assert_eq!(strata.since_mark().collect::<Vec<_>>(), [(0, 30), (0, 31), (0, 32)]);
    }
}
