//! The last finished requests of each bin: a sample that does not depend on which bins are served.

use std::collections::VecDeque;

use super::gain::Weighed;
use crate::edges::Edges;

/// From how many windows the shares of the bins come, at most.
const MEMORY: f64 = 4.0;

/// The last finished requests of each bin, by prediction, and how much of the traffic a bin has.
///
/// A scheduler chooses which bins it serves: with a backlog the last finished requests are those of
/// a few batches, of one bin each. So each bin keeps its own last requests, which weigh together what
/// the bin has of the arrivals. Which of a bin's requests finish together says nothing.
#[derive(Debug, Clone)]
pub(crate) struct Strata {
    edges: Edges,
    span: Span,
    bins: Vec<Stratum>,
    /// Bins of which any request is known.
    known: usize,
    /// Requests so far.
    seen: u64,
    /// How many there were at the last [`Strata::mark`].
    marked: u64,
    /// Requests that arrived, as far as that is known, and that finished: those of late.
    arrived: f64,
    finished: f64,
}

/// Which requests of a bin count: those among the last `window` of all bins. Of a bin that has few of
/// these its last `least`, if they are among the last `longest` of all, or it has no later ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) window: usize,
    pub(crate) least: usize,
    pub(crate) longest: usize,
}

/// The last finished requests of one bin, the oldest first.
#[derive(Debug, Clone, Default)]
struct Stratum {
    last: VecDeque<Finished>,
    /// What the bin has of the traffic, in requests.
    mass: f64,
    /// The same since the last mark.
    since: f64,
    /// Requests that finished since the masses were last changed.
    unseen: u64,
}

impl Stratum {
    /// The requests that `span` names, `seen` of all bins so far.
    fn weighed(&self, span: &Span, seen: u64) -> impl Iterator<Item = Weighed> {
        let since = |requests: usize| {
            let oldest = seen.saturating_sub(requests as u64);
            self.last.partition_point(|finished| finished.nth < oldest)
        };
        let enough = self.last.len().saturating_sub(span.least);
        let first = since(span.window).min(since(span.longest).max(enough));
        let first = if first == self.last.len() { enough } else { first };
        let weight = self.mass / (self.last.len() - first) as f64;
        let recent = self.last.range(first..);
        recent.map(move |finished| Weighed {
            predicted: finished.predicted,
            actual: finished.actual,
            weight,
        })
    }
}

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

    /// Requests so far.
    pub(crate) fn seen(&self) -> usize {
        usize::try_from(self.seen).unwrap_or(usize::MAX)
    }

    /// Whether nearly all bins are known: the others have so little of the traffic that half of the
    /// batches of so many rows have none of theirs. Bins that are never served are waited for no
    /// longer than a window if they have a fiftieth of the traffic, and four if they have half.
    pub(crate) fn knows(&self, rows: u32) -> bool {
        let (seen, unknown, window) = (self.seen(), self.unknown(), self.span.window);
        let waited = seen >= window && unknown <= 0.02 || seen >= 4 * window && unknown <= 0.5;
        // One bin alone says nothing.
        waited && self.known > 1 || unknown * f64::from(rows) <= 0.5
    }

    /// Forgets all requests and shares, but not whether arrivals are known.
    pub(crate) fn forget(&mut self) {
        self.bins.fill(Stratum::default());
        (self.seen, self.marked, self.known) = (0, 0, 0);
    }

    /// The most requests that a bin keeps which are too old to count unless it has few.
    fn most(&self) -> usize {
        (2 * self.span.window / self.known.max(1)).max(2)
    }

    pub(crate) fn push(&mut self, predicted: u32, actual: u32) {
        let nth = self.seen;
        self.seen += 1;
        let bin = self.edges.bin(predicted);
        self.bins[bin].unseen += 1;
        self.keep(bin, Finished { nth, predicted, actual });
    }

    fn keep(&mut self, bin: usize, finished: Finished) {
        let most = self.most();
        let last = &mut self.bins[bin].last;
        self.known += usize::from(last.is_empty());
        last.push_back(finished);
        let oldest = self.seen.saturating_sub(self.span.longest as u64);
        while last.len() > most && last[0].nth < oldest {
            last.pop_front();
        }
    }

    /// Brings the bins' shares up to date: by the `arrived` requests of each bin since then, if these
    /// are known, else by those that finished. Where fewer arrive than half of what
    /// finishes, the scheduler is not told of all, and arrivals are not known.
    pub(crate) fn weigh(&mut self, arrived: Option<&[u64]>) {
        let told = self.tell(arrived);
        for (bin, stratum) in self.bins.iter_mut().enumerate() {
            let finished = std::mem::take(&mut stratum.unseen);
            let arrived = told.map(|arrived| arrived.get(bin).copied().unwrap_or(0));
            let requests = arrived.unwrap_or(finished) as f64;
            stratum.mass += requests;
            stratum.since += requests;
        }
        let most = MEMORY * self.span.window as f64;
        let sum = self.mass();
        if sum > most {
            self.bins.iter_mut().for_each(|stratum| stratum.mass *= 0.5 * most / sum);
        }
    }

    /// The arrivals, if all are told of.
    fn tell<'a>(&mut self, arrived: Option<&'a [u64]>) -> Option<&'a [u64]> {
        let finished: u64 = self.bins.iter().map(|stratum| stratum.unseen).sum();
        let told = arrived.map_or(finished, |arrived| arrived.iter().sum());
        self.arrived += told as f64;
        self.finished += finished as f64;
        if self.finished > MEMORY * self.span.window as f64 {
            (self.arrived, self.finished) = (0.5 * self.arrived, 0.5 * self.finished);
        }
        arrived.filter(|_| 2.0 * self.arrived >= self.finished)
    }

    /// What is new is new from here on.
    pub(crate) fn mark(&mut self) {
        self.marked = self.seen;
        self.bins.iter_mut().for_each(|stratum| stratum.since = 0.0);
    }

    /// How many requests the shares of the bins come from.
    pub(crate) fn mass(&self) -> f64 {
        self.bins.iter().map(|stratum| stratum.mass).sum()
    }

    /// The share of the traffic that is in bins of which no request has finished.
    pub(crate) fn unknown(&self) -> f64 {
        let unknown = self.bins.iter().filter(|stratum| stratum.last.is_empty());
        let unknown: f64 = unknown.map(|stratum| stratum.mass).sum();
        let all = self.mass();
        if all > 0.0 { unknown / all } else { 1.0 }
    }

    /// By bin the requests of which its share comes: all, and those since the mark.
    pub(crate) fn masses(&self) -> impl Iterator<Item = (f64, f64)> {
        self.bins.iter().map(|stratum| (stratum.mass, stratum.since))
    }

    /// The predicted and actual lengths of the last requests that finished since the mark.
    pub(crate) fn fresh(&self) -> impl Iterator<Item = (u32, u32)> {
        self.bins.iter().flat_map(|stratum| {
            let first = stratum.last.partition_point(|finished| finished.nth < self.marked);
            stratum.last.range(first..).map(|finished| (finished.predicted, finished.actual))
        })
    }

    /// How many requests are kept.
    pub(crate) fn len(&self) -> usize {
        self.bins.iter().map(|stratum| stratum.last.len()).sum()
    }

    /// The last requests of each bin, together of the bin's weight.
    pub(crate) fn weighed(&self) -> Vec<Weighed> {
        let weighed = self.bins.iter().filter(|stratum| stratum.mass > 0.0);
        weighed.flat_map(|stratum| stratum.weighed(&self.span, self.seen)).collect()
    }

    /// Keeps requests by other edges. Of those that weigh less than the mean only as many are kept, as
    /// the requests of a bin have one weight.
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

    const SPAN: Span = Span { window: 100, least: 5, longest: 200 };

    fn strata() -> Strata {
        Strata::new(Edges::new(&[0, 10, 20]).unwrap(), SPAN)
    }

    /// How many requests of each bin count, and what they weigh, rounded.
    fn weights(strata: &Strata) -> [(usize, f64); 2] {
        let weighed = strata.weighed();
        [0, 10].map(|low| {
            let own = weighed.iter().filter(|request| request.predicted == low);
            (own.clone().count(), own.map(|request| request.weight).sum::<f64>().round())
        })
    }

    #[test]
    fn bins_weigh_what_arrives_in_them_whatever_finishes() {
        let mut strata = strata();
        (0..50).for_each(|_| strata.push(0, 1));
        strata.weigh(Some(&[30, 10]));
        assert_eq!(weights(&strata), [(50, 30.0), (0, 0.0)]);
        assert_eq!(strata.unknown(), 0.25);
        (0..2).for_each(|_| strata.push(10, 1));
        strata.weigh(Some(&[0, 0]));
        assert_eq!(weights(&strata), [(50, 30.0), (2, 10.0)]);
        assert_eq!(strata.unknown(), 0.0);
        strata.weigh(None);
        assert_eq!(weights(&strata), [(50, 30.0), (2, 10.0)]);
    }

    #[test]
    fn bins_weigh_what_finishes_where_arrivals_are_not_known() {
        let mut strata = strata();
        (0..9).for_each(|i| strata.push(i % 3 / 2 * 10, 1));
        strata.weigh(Some(&[0, 0]));
        assert_eq!(weights(&strata), [(6, 6.0), (3, 3.0)]);
    }

    #[test]
    fn a_bin_keeps_few_requests_longer_and_the_last_for_as_long_as_it_has_no_others() {
        let mut strata = strata();
        (0..50).for_each(|_| strata.push(10, 1));
        let mut counts = |requests: usize| {
            (0..requests).for_each(|_| strata.push(0, 1));
            strata.weigh(None);
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
        strata.weigh(Some(&[30, 10]));
        strata.set_edges(Edges::new(&[0, 5, 10, 20]).unwrap(), SPAN);
        let masses: Vec<f64> = strata.masses().map(|(mass, _)| mass).collect();
        assert_eq!(masses, [15.0, 15.0, 10.0]);
        // Requests of the second bin weighed half of the mean.
        assert_eq!((strata.len(), strata.seen()), (30, 40));
    }

    #[test]
    fn enough_is_known_when_few_batches_hold_what_is_not() {
        let mut strata = Strata::new(Edges::new(&[0, 10, 20, 30]).unwrap(), SPAN);
        (0..150).for_each(|_| strata.push(0, 1));
        strata.weigh(Some(&[900, 60, 40]));
        assert!(strata.knows(5) && !strata.knows(16));
        (0..250).for_each(|_| strata.push(0, 1));
        assert!(!strata.knows(16), "one bin says nothing");
        strata.push(10, 1);
        assert!(strata.knows(16));
    }

    #[test]
    fn what_is_forgotten_is_not_known_but_arrivals_are() {
        let mut strata = strata();
        strata.push(0, 1);
        strata.weigh(Some(&[1, 1]));
        strata.forget();
        assert_eq!((strata.len(), strata.mass(), strata.unknown()), (0, 0.0, 1.0));
        strata.push(0, 1);
        strata.weigh(Some(&[0, 0]));
        assert_eq!(strata.mass(), 0.0);
    }

    #[test]
    fn what_is_fresh_finished_since_the_mark() {
        let mut strata = strata();
        (0..30).for_each(|i| strata.push(0, i));
        strata.mark();
        (30..33).for_each(|i| strata.push(0, i));
        assert_eq!(strata.fresh().collect::<Vec<_>>(), [(0, 30), (0, 31), (0, 32)]);
    }
}
