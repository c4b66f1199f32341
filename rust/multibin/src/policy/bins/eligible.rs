//! The waiting requests that a batch may take.

use crate::request::WorkerId;

/// The waiting requests that a batch may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Eligible {
    /// The worker whose pinned climbers may go on; `None`: one of which no climbers wait.
    pub(crate) worker: Option<WorkerId>,
    /// How many new requests it may take at most; other rows are climbers.
    pub(crate) max_new: usize,
}
