//! Why a call of the scheduler has no result.

use thiserror::Error;

use super::fork::FORKED;
use crate::request::Ticket;

/// Why a request was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// As many as `capacity` wait or are leased.
    #[error("at capacity: {capacity} requests wait or are leased; {accepted} accepted")]
    Full {
        /// The capacity.
        capacity: usize,
        /// How many of this call were accepted: a prefix.
        accepted: usize,
        /// The first ticket of these (the others follow it), unless there are none.
        first: Option<Ticket>,
    },
    /// `close()` was called.
    #[error("the scheduler is closed; {accepted} accepted")]
    Closed {
        /// How many of this call were accepted before: a prefix.
        accepted: usize,
        /// The first ticket of these (the others follow it), unless there are none.
        first: Option<Ticket>,
    },
    /// It costs more than a batch may.
    #[error("{argument}: {cost} exceeds budget = {budget}", argument = if *padded { "length" } else { "cost" })]
    Budget {
        /// What it costs.
        cost: u64,
        /// What a batch may cost.
        budget: u64,
        /// Whether its length counts, and not its cost.
        padded: bool,
    },
    /// A priority, and nothing says how these age.
    #[error("priority: {0} needs a scheduler with ageing")]
    Priority(u32),
    /// This is a child of the process that made the scheduler.
    #[error("{FORKED}")]
    Forked,
}

/// Why there is no batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NextError {
    /// The time is over.
    #[error("no batch within the timeout")]
    Timeout,
    /// The scheduler is closed and nothing waits that this worker may take.
    #[error("closed: nothing waits that this worker may take")]
    Closed,
    /// [`Worker::close`](crate::Worker::close) was called.
    #[error("the worker is closed")]
    WorkerClosed,
    /// This is a child of the process that made the scheduler.
    #[error("{FORKED}")]
    Forked,
}
