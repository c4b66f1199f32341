//! The finished requests that edges are fitted to, and whether they changed.

use super::gain::Weighed;
use super::reference::Reference;
use super::strata::{Span, Strata};
use crate::config::MIN_WINDOW;
use crate::edges::Edges;

/// After how many new requests the last ones are compared with those of the last fit.
const LOOK: usize = 500;
/// Edges are fitted once half of the batches of so many rows have no request of an unknown bin.
const ROWS: u32 = 10;

/// The last finished requests of each bin.
///
/// The dynamic program needs pairs of a predicted and an actual length, and a window forgets what was
/// before a drift once it is full of what came after; a biased reservoir of its size would keep a share
/// of it for longer. It also makes a quantile sketch superfluous: the requests of a fit are there.
#[derive(Debug)]
pub(super) struct Sample {
    strata: Strata,
    /// Requests since the last fit began.
    unseen: usize,
    /// How many requests it had.
    fitted: usize,
    reference: Option<Reference>,
}

impl Sample {
    pub(super) fn new(edges: Edges, window: usize) -> Self {
        let span = Span { window, least: 1, longest: window };
        let strata = Strata::new(edges, span);
        Self { strata, unseen: 0, fitted: 0, reference: None }
    }

    pub(super) fn push(&mut self, predicted: u32, actual: u32) {
        self.strata.push(predicted, actual);
        self.unseen += 1;
    }

    /// Whether the last requests are to be looked at.
    pub(super) fn is_due(&self) -> bool {
        self.unseen.is_multiple_of(LOOK)
    }

    /// Before a look: how many requests of each bin arrived, if that is known.
    pub(super) fn weigh(&mut self, arrived: Option<&[u64]>) {
        self.strata.weigh(arrived);
    }

    /// Other edges are in use.
    pub(super) fn set_edges(&mut self, edges: Edges) {
        let span = self.strata.span();
        self.strata.set_edges(edges, span);
    }

    /// Whether edges should be fitted: `every` requests are new, or as many as the last fit had, and
    /// nearly all bins are known.
    pub(super) fn may_fit(&self, every: usize) -> bool {
        self.strata.len() >= MIN_WINDOW
            && self.unseen >= every.min(self.fitted)
            && self.strata.knows(ROWS)
    }

    /// The requests, for a fit.
    pub(super) fn take(&mut self) -> Vec<Weighed> {
        (self.unseen, self.fitted) = (0, self.strata.len());
        self.strata.mark();
        self.strata.weighed()
    }

    /// How many requests the weights come from.
    pub(super) fn arrivals(&self) -> f64 {
        self.strata.mass()
    }

    /// What the last fit had.
    pub(super) fn refer(&mut self, reference: Reference) {
        self.reference = Some(reference);
    }

    /// Whether the last requests are unlike those of the last fit. If so, all are forgotten, so that
    /// the next fit has none from before the drift.
    pub(super) fn forget_after_drift(&mut self) -> bool {
        let drifted = self.reference.as_ref().is_some_and(|of| of.is_unlike(&self.strata));
        if drifted {
            self.strata.forget();
            (self.unseen, self.fitted, self.reference) = (0, 0, None);
        }
        drifted
    }
}
