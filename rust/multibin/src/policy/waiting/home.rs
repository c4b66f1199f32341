//! The queue that an entry is in.

use crate::request::WorkerId;

/// The requests that a set of queues holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Requests that have not started, for any worker.
    New,
    /// Climbers that any worker may take.
    Shared,
    /// Climbers that one worker may take: it holds their state.
    Pinned(WorkerId),
}

/// The queue that an entry is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) owner: Owner,
    pub(crate) bin: usize,
}
