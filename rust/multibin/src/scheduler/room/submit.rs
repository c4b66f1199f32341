//! Submitting that waits for room: in a thread, or as a future.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::super::fork::Shared;
use super::super::park::block_on;
use super::super::wakes::{Panics, WakeList};
use super::super::{Inner, Refused, Scheduler, SubmitError};
use super::{End, Place, Rows};
use crate::request::{Options, Ticket};

type Accepted = Result<Ticket, SubmitError>;

impl Scheduler {
    /// Accepts a request, and waits for room as long as `timeout` says (`None`: without end). Calls
    /// that wait are served first come, first served, together with those of
    /// [`Scheduler::submit_many_wait`], [`Scheduler::submit_async`] and
    /// [`Scheduler::submit_many_async`]; while one waits, [`Scheduler::submit`] finds no room. The
    /// time to live counts from this call, not from when the request is accepted.
    ///
    /// Blocking: it parks the thread until another call frees room and publishes the request.
    ///
    /// # Errors
    /// [`SubmitError::Full`] when the time is over, [`SubmitError::Closed`], also when the scheduler
    /// is closed meanwhile, and what the options may not be.
    pub fn submit_wait(
        &self,
        key: u64,
        length: u32,
        options: &Options,
        timeout: Option<Duration>,
    ) -> Accepted {
        self.submit_many_wait(&[key], &[length], std::slice::from_ref(options), timeout)
    }

    /// Accepts requests in bulk, in order, and waits for room as [`Scheduler::submit_wait`] does.
    /// Returns the first ticket; the others follow it. All are accepted at once if there is room;
    /// else the call queues, and is served piece by piece, so that it may be larger than the capacity.
    /// `options` may be empty.
    ///
    /// # Errors
    /// [`SubmitError::Full`] when the time is over and [`SubmitError::Closed`] say which prefix was
    /// accepted; what the options may not be, and then no request was.
    ///
    /// # Panics
    /// If `keys`, `lengths` and options that are not empty differ in length.
    pub fn submit_many_wait(
        &self,
        keys: &[u64],
        lengths: &[u32],
        options: &[Options],
        timeout: Option<Duration>,
    ) -> Accepted {
        let inner = &*self.0;
        inner.check_many(keys, lengths, options)?;
        let panics = Panics::default();
        match inner.submit_all(inner.now(), (keys, lengths, options), &panics) {
            Ok(first) => return Ok(first),
            Err(Refused::Closed) => return Err(inner.refusal(Refused::Closed, 0)),
            Err(Refused::Full) => {}
        }
        let end = inner.end_of(timeout);
        Submit::new(&self.0, rows(inner, keys, lengths, options), end).wait()
    }

    /// Accepts a request as [`Scheduler::submit_wait`] does, as a future for any executor, which needs
    /// no timer. It takes its place among the calls that wait when it is first polled.
    pub fn submit_async(&self, key: u64, length: u32, options: &Options) -> Submit {
        self.submit_many_async(&[key], &[length], std::slice::from_ref(options))
    }

    /// Accepts requests in bulk as [`Scheduler::submit_many_wait`] does, as a future for any executor.
    ///
    /// # Panics
    /// If `keys`, `lengths` and options that are not empty differ in length.
    pub fn submit_many_async(&self, keys: &[u64], lengths: &[u32], options: &[Options]) -> Submit {
        match self.0.check_many(keys, lengths, options) {
            Ok(()) => Submit::new(&self.0, rows(&self.0, keys, lengths, options), u64::MAX),
            Err(error) => Submit::refused(&self.0, error),
        }
    }
}

fn rows(inner: &Inner, keys: &[u64], lengths: &[u32], options: &[Options]) -> Rows {
    let (keys, lengths, options) = (keys.to_vec(), lengths.to_vec(), options.to_vec());
    Rows { keys, lengths, options, called: inner.now() }
}

/// Whether requests were accepted, as a future: of [`Scheduler::submit_async`] and
/// [`Scheduler::submit_many_async`].
///
/// Its result is the first ticket. Dropped before that was read, it waits no longer, and those of its
/// requests that were accepted and still wait are cancelled. A poll is blocking, as
/// [`Scheduler::submit`] is.
#[derive(Debug)]
#[must_use = "a future does nothing until it is polled"]
pub struct Submit {
    scheduler: Shared,
    stage: Stage,
    /// When the time is over; `u64::MAX`: never.
    end: u64,
}

#[derive(Debug)]
enum Stage {
    /// It was not polled, or found no room while it had no waker.
    New(Arc<Rows>),
    Refused(SubmitError),
    Queued(Place),
    /// Its result was read.
    Read,
}

impl Submit {
    fn new(scheduler: &Shared, rows: Rows, end: u64) -> Self {
        Self { scheduler: scheduler.clone(), stage: Stage::New(Arc::new(rows)), end }
    }

    fn refused(scheduler: &Shared, error: SubmitError) -> Self {
        Self { scheduler: scheduler.clone(), stage: Stage::Refused(error), end: u64::MAX }
    }

    /// Sets how long it waits from now on (`None`: without end). A poll after that finds
    /// [`SubmitError::Full`]; there is no timer that causes one.
    pub fn within(mut self, timeout: Option<Duration>) -> Self {
        self.end = self.scheduler.end_of(timeout);
        self
    }

    /// Does what a poll does, and does not wait: `None` while there is no room. A call that was never
    /// polled does not queue.
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
        // The outcome is kept before a panic of a waker goes on.
        let panics = Panics::default();
        let outcome = self.advance(waker, &panics);
        if outcome.is_some() {
            self.stage = Stage::Read;
        }
        outcome
    }

    fn advance(&mut self, waker: Option<Waker>, panics: &Panics) -> Option<Accepted> {
        let Self { scheduler, stage, end } = self;
        let inner: &Inner = scheduler;
        if inner.is_forked() {
            return Some(Err(SubmitError::Forked));
        }
        let wakes = WakeList::new();
        if let Stage::New(rows) = stage {
            let requests = (&rows.keys[..], &rows.lengths[..], &rows.options[..]);
            match inner.submit_all(rows.called, requests, panics) {
                Ok(first) => return Some(Ok(first)),
                Err(Refused::Full) if inner.now() < *end => {}
                Err(refused) => return Some(Err(inner.refusal(refused, rows.len() as u64))),
            }
            waker.as_ref()?;
            *stage = Stage::Queued(inner.queue(Arc::clone(rows), &wakes));
        }
        match *stage {
            Stage::Queued(place) => {
                if inner.now() >= *end {
                    // What is being published is awaited: its tickets can then be cancelled.
                    *end = u64::MAX;
                    inner.stop_waiting(place, End::TimedOut, &wakes);
                }
                inner.read(place, waker, &wakes)
            }
            Stage::Refused(error) => Some(Err(error)),
            Stage::New(_) | Stage::Read => panic!("the result of the submission was read before"),
        }
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
        if let Stage::Queued(place) = self.stage
            && !self.scheduler.is_beyond_use()
        {
            self.scheduler.stop_waiting(place, End::Dropped, &WakeList::new());
        }
    }
}
