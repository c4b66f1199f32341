//! Submitting that waits for room: in a thread that parks, or in a future.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::admission::Refused;
use super::errors::SubmitError;
use super::handle::Shared;
use super::inner::Inner;
use super::locks::{Panics, WakeList};
use super::waiters::{CallId, End, Rows, Settled, block_on};
use crate::request::{Options, Ticket};

type Accepted = Result<Ticket, SubmitError>;

/// A future that waits for room: of [`Scheduler::submit_async`](super::Scheduler::submit_async) and
/// [`Scheduler::submit_many_async`](super::Scheduler::submit_many_async).
///
/// Its result is the first ticket. If it is dropped before that was read, it waits no longer, and
/// those of its requests that were accepted and still wait are cancelled. A poll is blocking, as
/// [`Scheduler::submit`](super::Scheduler::submit) is.
///
/// ```
/// use multibin::{Config, Edges, Options, Scheduler};
///
/// let config = Config { capacity: 1, ..Config::new(1) };
/// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, config)?;
/// scheduler.submit(7, 3)?;
/// let mut submit = scheduler.submit_async(8, 3, &Options::new());
/// assert_eq!(submit.try_now(), None);
/// scheduler.worker().next_batch(None)?.done();
/// assert_eq!(submit.try_now(), Some(Ok(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a future does nothing until it is polled"]
pub struct Submit {
    scheduler: Shared,
    stage: Stage,
    /// When the timeout is over; `u64::MAX`: never.
    end: u64,
}

#[derive(Debug)]
enum Stage {
    /// It was not polled, or found no room while it had no waker.
    New(Arc<Rows>),
    Refused(SubmitError),
    /// It is in the line for room.
    Queued(CallId),
    /// Its result was read.
    Read,
}

impl Shared {
    /// Accepts all requests of a call; waits for room in this thread.
    pub(super) fn submit_wait(
        &self,
        (keys, lengths, options): (&[u64], &[u32], &[Options]),
        timeout: Option<Duration>,
    ) -> Accepted {
        self.check_many(keys, lengths, options)?;
        let panics = Panics::default();
        match self.submit_all(self.now(), (keys, lengths, options), &panics) {
            Ok(first) => return Ok(first),
            Err(Refused::Closed) => return Err(self.refusal(Refused::Closed, 0)),
            Err(Refused::Full) => {}
        }
        let end = self.end_of(timeout);
        Submit::waiting(self, (keys, lengths, options), end).wait()
    }
}

impl Submit {
    /// Makes the future of a call, without a timeout.
    pub(super) fn new(scheduler: &Shared, requests: (&[u64], &[u32], &[Options])) -> Self {
        let (keys, lengths, options) = requests;
        match scheduler.check_many(keys, lengths, options) {
            Ok(()) => Self::waiting(scheduler, requests, u64::MAX),
            Err(error) => {
                let stage = Stage::Refused(error);
                Self { scheduler: scheduler.clone(), stage, end: u64::MAX }
            }
        }
    }

    fn waiting(
        scheduler: &Shared,
        (keys, lengths, options): (&[u64], &[u32], &[Options]),
        end: u64,
    ) -> Self {
        let (keys, lengths, options) = (keys.to_vec(), lengths.to_vec(), options.to_vec());
        let rows = Rows { keys, lengths, options, called: scheduler.now() };
        Self { scheduler: scheduler.clone(), stage: Stage::New(Arc::new(rows)), end }
    }

    /// Sets how long it waits from now on (`None`: without limit). A poll after that returns
    /// [`SubmitError::Full`]; no timer wakes the future for it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use multibin::{Config, Edges, Options, Scheduler, SubmitError};
    ///
    /// let config = Config { capacity: 1, ..Config::new(1) };
    /// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, config)?;
    /// scheduler.submit(7, 3)?;
    /// let submit = scheduler.submit_async(8, 3, &Options::new());
    /// let outcome = submit.within(Some(Duration::ZERO)).try_now();
    /// assert!(matches!(outcome, Some(Err(SubmitError::Full { .. }))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn within(mut self, timeout: Option<Duration>) -> Self {
        self.end = self.scheduler.end_of(timeout);
        self
    }

    /// Returns the result, or `None` while there is no room. Does not wait. A call that was never
    /// polled does not enter the line for room.
    ///
    /// ```
    /// let edges = multibin::Edges::new(&[0, 10])?;
    /// let scheduler = multibin::Scheduler::new(edges, multibin::Config::new(4))?;
    /// let mut submit = scheduler.submit_many_async(&[7, 8], &[3, 4], &[]);
    /// assert_eq!(submit.try_now(), Some(Ok(0)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If the result was read before.
    pub fn try_now(&mut self) -> Option<Accepted> {
        self.attempt(None)
    }

    /// Waits in this thread.
    fn wait(mut self) -> Accepted {
        let scheduler = self.scheduler.clone();
        block_on(&scheduler.clock, |waker| {
            self.attempt(waker.map(|(waker, _)| waker)).ok_or(self.end)
        })
    }

    fn attempt(&mut self, waker: Option<Waker>) -> Option<Accepted> {
        // The drop-order rule: the outcome is kept before a panic of a waker goes on.
        let panics = Panics::default();
        let outcome = self.advance(waker, &panics);
        if outcome.is_some() {
            self.stage = Stage::Read;
        }
        outcome
    }

    fn advance(&mut self, waker: Option<Waker>, panics: &Panics) -> Option<Accepted> {
        if self.scheduler.is_forked() {
            return Some(Err(SubmitError::Forked));
        }
        let wakes = WakeList::new();
        let inner: &Inner = &self.scheduler;
        if let Stage::New(rows) = &self.stage {
            let requests = (&rows.keys[..], &rows.lengths[..], &rows.options[..]);
            match inner.submit_all(rows.called, requests, panics) {
                Ok(first) => return Some(Ok(first)),
                Err(Refused::Full) if inner.now() < self.end => {}
                Err(refused) => return Some(Err(inner.refusal(refused, rows.len() as u64))),
            }
            waker.as_ref()?;
            self.stage = Stage::Queued(inner.enter_line(Arc::clone(rows), &wakes));
        }
        match self.stage {
            Stage::Queued(call) => {
                if inner.now() >= self.end {
                    // Requests that are being published are awaited: their tickets can be cancelled
                    // afterwards.
                    self.end = u64::MAX;
                    inner.leave_line(call, End::TimedOut, &wakes);
                }
                inner.result_of(call, waker, &wakes)
            }
            Stage::Refused(error) => Some(Err(error)),
            Stage::New(_) | Stage::Read => panic!("the result of the submission was read before"),
        }
    }
}

impl Inner {
    /// Returns the result of a call, once, if the call is settled. Else stores the waker instead of
    /// an earlier one.
    fn result_of(&self, call: CallId, waker: Option<Waker>, wakes: &WakeList) -> Option<Accepted> {
        Some(match self.room.read(call, waker, wakes)? {
            Settled::Accepted { first } => Ok(first),
            Settled::Closed { accepted, first } => Err(SubmitError::Closed { accepted, first }),
            Settled::Full { accepted, first, refused } => Err(self.full(accepted, first, refused)),
        })
    }
}

impl Future for Submit {
    type Output = Accepted;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Accepted> {
        match self.attempt(Some(context.waker().clone())) {
            Some(outcome) => Poll::Ready(outcome),
            None => Poll::Pending,
        }
    }
}

impl Drop for Submit {
    fn drop(&mut self) {
        if let Stage::Queued(call) = self.stage
            && !self.scheduler.is_unusable()
        {
            self.scheduler.leave_line(call, End::Dropped, &WakeList::new());
        }
    }
}
