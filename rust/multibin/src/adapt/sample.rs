//! Keeps the finished requests to which edges are fitted, and finds changes.

use super::drift::Fitted;
use super::gain::Weighted;
use super::strata::{Span, Strata};
use crate::config::MIN_WINDOW;
use crate::edges::Edges;

/// New requests after which the last ones are compared with those of the last fit.
const EVERY: usize = 500;
/// Rows of the batches that must be known before a fit: half of them have no request of an unknown
/// bin.
const ROWS: u32 = 10;

/// The last finished requests of each bin, for fits of edges.
///
/// The dynamic program needs pairs of a predicted and an actual length. A window forgets all
/// requests from before a drift once it is full of later ones. A biased reservoir of equal size
/// would keep a share of them longer. No quantile sketch is needed: the requests of a fit are kept.
#[derive(Debug)]
pub(super) struct Sample {
    strata: Strata,
    /// Requests since the last fit began.
    new: usize,
    /// Number of requests of the last fit.
    fit_size: usize,
    /// Requests of the last fit, to compare later ones with.
    fitted: Option<Fitted>,
}

impl Sample {
    pub(super) fn new(edges: Edges, window: usize) -> Self {
        let span = Span { window, min_per_bin: 1, max_window: window };
        let strata = Strata::new(edges, span);
        Self { strata, new: 0, fit_size: 0, fitted: None }
    }

    /// Adds a finished request.
    pub(super) fn push(&mut self, predicted: u32, actual: u32) {
        self.strata.push(predicted, actual);
        self.new += 1;
    }

    /// Returns true if a comparison with the last fit is due.
    pub(super) fn is_due(&self) -> bool {
        self.new.is_multiple_of(EVERY)
    }

    /// Updates the masses of the bins, by the arrivals of each bin if these are known.
    pub(super) fn update_masses(&mut self, arrived: Option<&[u64]>) {
        self.strata.update_masses(arrived);
    }

    /// Regroups the requests by other edges.
    pub(super) fn set_edges(&mut self, edges: Edges) {
        let span = self.strata.span();
        self.strata.set_edges(edges, span);
    }

    /// Returns true if a fit is due: nearly all bins are known, and `every` requests are new, or as
    /// many as the last fit had.
    pub(super) fn may_fit(&self, every: usize) -> bool {
        self.strata.len() >= MIN_WINDOW
            && self.new >= every.min(self.fit_size)
            && self.strata.knows(ROWS)
    }

    /// Returns the requests for a fit and marks its begin.
    pub(super) fn take(&mut self) -> Vec<Weighted> {
        (self.new, self.fit_size) = (0, self.strata.len());
        self.strata.mark();
        self.strata.weighted()
    }

    /// Returns the number of requests from which the weights come.
    pub(super) fn arrivals(&self) -> f64 {
        self.strata.mass()
    }

    /// Compares later requests with those of this fit.
    pub(super) fn compare_with(&mut self, fitted: Fitted) {
        self.fitted = Some(fitted);
    }

    /// Forgets all requests if the last ones differ from those of the last fit, and returns true
    /// then. So the next fit has none from before the drift.
    pub(super) fn forget_after_drift(&mut self) -> bool {
        let drifted = self.fitted.as_ref().is_some_and(|fitted| fitted.differs_from(&self.strata));
        if drifted {
            self.strata.forget();
            (self.new, self.fit_size, self.fitted) = (0, 0, None);
        }
        drifted
    }
}
