//! Errors of submitting and of waiting for a batch.

use thiserror::Error;

use crate::fork::FORKED;
use crate::request::Ticket;

/// Why a request was not accepted.
///
/// ```
/// use multibin::{Config, Edges, Scheduler, SubmitError};
///
/// let config = Config { capacity: 1, ..Config::new(1) };
/// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, config)?;
/// let error = scheduler.submit_many(&[7, 8], &[1, 1]).unwrap_err();
/// assert_eq!(error, SubmitError::Full { capacity: 1, accepted: 1, first: Some(0) });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// `capacity` requests wait or are leased, or calls wait for room.
    #[error("at capacity: {capacity} requests wait or are leased; {accepted} accepted")]
    Full {
        /// The capacity.
        capacity: usize,
        /// How many of this call were accepted: a prefix.
        accepted: usize,
        /// The ticket of the first of these, if any; the others follow it.
        first: Option<Ticket>,
    },
    /// [`Scheduler::close`](crate::Scheduler::close) was called.
    #[error("the scheduler is closed; {accepted} accepted")]
    Closed {
        /// How many of this call were accepted before: a prefix.
        accepted: usize,
        /// The ticket of the first of these, if any; the others follow it.
        first: Option<Ticket>,
    },
    /// The request costs more than a batch may.
    #[error(
        "{argument} must be at most budget = {budget}, got {cost}",
        argument = if *padded { "length" } else { "cost" }
    )]
    Budget {
        /// The cost of the request.
        cost: u64,
        /// The cost that a batch may have.
        budget: u64,
        /// True if the budget counts lengths, not costs.
        padded: bool,
    },
    /// The request has a priority, and the scheduler no [`Config::ageing`](crate::Config::ageing).
    #[error("priority must be 0 without ageing, got {0}")]
    Priority(u32),
    /// This is a child of the process that made the scheduler.
    #[error("{FORKED}")]
    Forked,
}

/// Why there is no batch.
///
/// ```
/// use std::time::Duration;
/// use multibin::{Config, Edges, NextError, Scheduler};
///
/// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(1))?;
/// let worker = scheduler.worker();
/// assert_eq!(worker.next_batch(Some(Duration::ZERO)).unwrap_err(), NextError::Timeout);
/// scheduler.close();
/// assert_eq!(worker.next_batch(None).unwrap_err(), NextError::Closed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NextError {
    /// The timeout is over.
    #[error("no batch within the timeout")]
    Timeout,
    /// The scheduler is closed, and no request waits that this worker may take.
    #[error("the scheduler is closed, and no request waits that this worker may take")]
    Closed,
    /// [`Worker::close`](crate::Worker::close) was called.
    #[error("the worker is closed")]
    WorkerClosed,
    /// This is a child of the process that made the scheduler.
    #[error("{FORKED}")]
    Forked,
}
