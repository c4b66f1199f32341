//! Requests are submitted and cancelled.

use std::time::Duration;

use super::super::errors::SubmitError;
use super::super::handle::Scheduler;
use super::super::locks::WakeList;
use super::super::submit_future::Submit;
use crate::request::{Expired, Options, Ticket};

impl Scheduler {
    /// Accepts a request of `length` predicted steps and returns its ticket.
    ///
    /// Lock-free until the ring of its bin is full. Then it is blocking: it takes the forming lock,
    /// empties that ring, and waits for any producer that stalled inside it. If a worker waits and
    /// this request makes a batch possible, the call takes the lock to wake it, too.
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(8))?;
    /// assert_eq!(scheduler.submit(7, 40), Ok(0));
    /// assert_eq!(scheduler.submit(8, 10), Ok(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SubmitError`] at capacity, while calls wait for room, after [`Scheduler::close`], for a
    /// request that exceeds the budget, and in a forked child.
    #[inline]
    pub fn submit(&self, key: u64, length: u32) -> Result<Ticket, SubmitError> {
        self.0.submit(key, length)
    }

    /// Accepts a request with options, and returns its ticket; see [`Scheduler::submit`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use multibin::{Config, Edges, Options, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(8))?;
    /// let options = Options::new().ttl(Duration::from_secs(30));
    /// assert_eq!(scheduler.submit_with(7, 40, &options), Ok(0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SubmitError`] at capacity, while calls wait for room, after [`Scheduler::close`], and in a
    /// forked child. Also for a request that exceeds the budget, and for a priority without
    /// [`Config::ageing`](crate::Config::ageing).
    pub fn submit_with(
        &self,
        key: u64,
        length: u32,
        options: &Options,
    ) -> Result<Ticket, SubmitError> {
        self.0.submit_with(key, length, options)
    }

    /// Accepts requests in bulk, in order, with one arrival time. Returns the first ticket; the
    /// others follow it.
    ///
    /// It claims slots of the rings in blocks. It blocks where [`Scheduler::submit`] does.
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(8))?;
    /// assert_eq!(scheduler.submit_many(&[7, 8, 9], &[40, 10, 50]), Ok(0));
    /// assert_eq!(scheduler.submit(10, 40), Ok(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SubmitError::Full`] at capacity, if only a prefix or no request was accepted, and
    /// [`SubmitError::Closed`].
    ///
    /// # Panics
    /// If `keys` and `lengths` differ in length.
    pub fn submit_many(&self, keys: &[u64], lengths: &[u32]) -> Result<Ticket, SubmitError> {
        self.submit_many_with(keys, lengths, &[])
    }

    /// Accepts requests in bulk, each with options or, if `options` is empty, all without; see
    /// [`Scheduler::submit_many`].
    ///
    /// ```
    /// use multibin::{Config, Edges, Options, Scheduler};
    ///
    /// let config = Config { ageing: Some(0.001), ..Config::new(8) };
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, config)?;
    /// let options = [Options::new(), Options::new().priority(1)];
    /// assert_eq!(scheduler.submit_many_with(&[7, 8], &[40, 10], &options), Ok(0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SubmitError::Full`] at capacity, if only a prefix or no request was accepted, and
    /// [`SubmitError::Closed`]. For a request that exceeds the budget, or a priority without
    /// [`Config::ageing`](crate::Config::ageing), no request was accepted.
    ///
    /// # Panics
    /// If `keys`, `lengths` and options that are not empty differ in length.
    pub fn submit_many_with(
        &self,
        keys: &[u64],
        lengths: &[u32],
        options: &[Options],
    ) -> Result<Ticket, SubmitError> {
        self.0.check_many(keys, lengths, options)?;
        self.0.submit_many(keys, lengths, options)
    }

    /// Accepts a request; waits for room for `timeout` at most (`None`: without limit).
    ///
    /// Calls that wait for room are served in order of arrival, whichever method they called. While
    /// one waits, [`Scheduler::submit`] finds no room. The time to live counts from this call, not
    /// from when the request is accepted.
    ///
    /// Blocking: it parks the thread until another call frees room and publishes the request.
    ///
    /// ```
    /// use std::time::Duration;
    /// use multibin::{Config, Edges, Options, Scheduler, SubmitError};
    ///
    /// let config = Config { capacity: 1, ..Config::new(1) };
    /// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, config)?;
    /// assert_eq!(scheduler.submit_wait(7, 3, &Options::new(), None), Ok(0));
    /// let late = scheduler.submit_wait(8, 3, &Options::new(), Some(Duration::ZERO));
    /// assert!(matches!(late, Err(SubmitError::Full { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SubmitError::Full`] when the timeout is over, [`SubmitError::Closed`], also if the
    /// scheduler is closed meanwhile, and an error for options that are not allowed.
    pub fn submit_wait(
        &self,
        key: u64,
        length: u32,
        options: &Options,
        timeout: Option<Duration>,
    ) -> Result<Ticket, SubmitError> {
        self.submit_many_wait(&[key], &[length], std::slice::from_ref(options), timeout)
    }

    /// Accepts requests in bulk, in order; waits for room for `timeout` at most (`None`: without
    /// limit). Returns the first ticket; the others follow it. `options` may be empty.
    ///
    /// All are accepted at once if there is room. Else the call enters the line for room (see
    /// [`Scheduler::submit_wait`]) and is served in pieces, so that it may be larger than the
    /// capacity.
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let config = Config { capacity: 2, ..Config::new(2) };
    /// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, config)?;
    /// let (worker, producer) = (scheduler.worker(), scheduler.clone());
    /// let serving = std::thread::spawn(move || worker.batches().for_each(|batch| batch.done()));
    /// producer.submit_many_wait(&[0, 1, 2, 3, 4], &[5; 5], &[], None)?;
    /// assert!(scheduler.drain(None));
    /// assert_eq!(scheduler.stats().done, 5);
    /// # serving.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SubmitError::Full`] when the timeout is over and [`SubmitError::Closed`]: both hold which
    /// prefix was accepted. For options that are not allowed no request was accepted.
    ///
    /// # Panics
    /// If `keys`, `lengths` and options that are not empty differ in length.
    pub fn submit_many_wait(
        &self,
        keys: &[u64],
        lengths: &[u32],
        options: &[Options],
        timeout: Option<Duration>,
    ) -> Result<Ticket, SubmitError> {
        self.0.submit_wait((keys, lengths, options), timeout)
    }

    /// Accepts a request as a future that waits for room, for any executor. It needs no timer. It
    /// enters the line for room (see [`Scheduler::submit_wait`]) when it is first polled.
    ///
    /// ```
    /// use multibin::{Config, Edges, Options, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(4))?;
    /// let options = Options::new();
    /// let task = async { scheduler.submit_async(7, 3, &options).await };
    /// # use std::{pin::pin, task::{Context, Poll, Waker}};
    /// # let outcome = pin!(task).poll(&mut Context::from_waker(Waker::noop()));
    /// assert_eq!(outcome, Poll::Ready(Ok(0)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit_async(&self, key: u64, length: u32, options: &Options) -> Submit {
        self.submit_many_async(&[key], &[length], std::slice::from_ref(options))
    }

    /// Accepts requests in bulk as a future that waits for room, for any executor; see
    /// [`Scheduler::submit_many_wait`].
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(4))?;
    /// let task = async { scheduler.submit_many_async(&[7, 8], &[3, 4], &[]).await };
    /// # use std::{pin::pin, task::{Context, Poll, Waker}};
    /// # let outcome = pin!(task).poll(&mut Context::from_waker(Waker::noop()));
    /// assert_eq!(outcome, Poll::Ready(Ok(0)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If `keys`, `lengths` and options that are not empty differ in length.
    pub fn submit_many_async(&self, keys: &[u64], lengths: &[u32], options: &[Options]) -> Submit {
        Submit::new(&self.0, (keys, lengths, options))
    }

    /// Cancels a request that waits, also as a climber. Returns true if it will not be delivered,
    /// and false if it was delivered or cancelled before. Its capacity is free at once.
    ///
    /// Blocking: takes the forming lock and collects from the dirty rings. Then it costs O(batch
    /// size); with priorities or deadlines O(log of what waits), too. A flag without a lock would
    /// make this rare call faster, at the cost of a locked instruction for every request that is
    /// taken.
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(4))?;
    /// let ticket = scheduler.submit(7, 3)?;
    /// assert!(scheduler.cancel(ticket));
    /// assert!(!scheduler.cancel(ticket));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn cancel(&self, ticket: Ticket) -> bool {
        let wakes = WakeList::new();
        let found = self.0.cancel_all(ticket..ticket.saturating_add(1), &wakes) > 0;
        self.0.serve_line(&wakes);
        found
    }

    /// Takes the requests that expired and were not reported. Each is reported once, by a batch or
    /// here. Frees the room of requests whose deadline has passed. Blocking: takes the forming
    /// lock.
    ///
    /// ```
    /// use std::time::Duration;
    /// use multibin::{Config, Edges, Options, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(4))?;
    /// scheduler.submit_with(7, 3, &Options::new().ttl(Duration::ZERO))?;
    /// assert_eq!(scheduler.expired()[0].key, 7);
    /// assert!(scheduler.expired().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn expired(&self) -> Vec<Expired> {
        self.0.take_expired()
    }
}
