//! What a former keeps to cut batches by measured costs.

use std::sync::Arc;

use super::cut::Cut;
use super::plan::Plan;
use super::window::Window;
use crate::costs::BatchTimes;

/// The measured costs of a former, and the scratch space of its rule.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) times: Arc<BatchTimes>,
    pub(crate) window: Window,
    pub(crate) cut: Cut,
    /// The parts of the cut of the window.
    pub(crate) plan: Plan,
}

impl Measured {
    pub(crate) fn new(times: Arc<BatchTimes>) -> Self {
        Self { times, window: Window::default(), cut: Cut::default(), plan: Plan::default() }
    }
}
