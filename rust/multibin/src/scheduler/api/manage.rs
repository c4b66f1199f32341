//! A scheduler is made, changed and closed; workers are added.

use std::task::Waker;
use std::time::Duration;

use super::super::clock::Clock;
use super::super::handle::Scheduler;
use super::super::locks::WakeList;
use super::super::shutdown::Drain;
use super::super::worker::Worker;
use crate::config::{Change, Config, ConfigError};
use crate::edges::Edges;
use crate::record::Recorder;

impl Scheduler {
    /// Makes a scheduler with a queue for each bin of `edges`. Allocates its rings, and one slab
    /// entry for each request of the capacity; no request allocates after that.
    ///
    /// ```
    /// use multibin::{Config, ConfigError, Edges, Scheduler};
    ///
    /// let edges = Edges::new(&[0, 32, 64])?;
    /// assert!(Scheduler::new(edges.clone(), Config::new(8)).is_ok());
    /// assert!(Scheduler::new(edges, Config::new(0)).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] when a number is out of range.
    pub fn new(edges: Edges, config: Config) -> Result<Self, ConfigError> {
        Self::on(Clock::start(), edges, config, None)
    }

    /// Makes a scheduler that records each request when it ends; see [`Scheduler::new`].
    ///
    /// A record has the arrival, the prediction, the wait and the latency. The true length is what
    /// [`Batch::observe`](crate::Batch::observe) reports, and else not known.
    ///
    /// ```
    /// use std::time::Duration;
    /// use multibin::{Config, Edges, Scheduler, record::Recorder};
    ///
    /// let path = std::env::temp_dir().join(format!("multibin-recorded-{}", std::process::id()));
    /// let recorder = Recorder::open(path.clone(), 1 << 20, 4, |_| ())?;
    /// let edges = Edges::new(&[0, 32, 64])?;
    /// let scheduler = Scheduler::recorded(edges, Config::new(8), recorder.clone())?;
    /// scheduler.submit(7, 40)?;
    /// let batch = scheduler.worker().next_batch(None)?;
    /// batch.observe(&[(0, 37)], &[12])?; // 37 steps, behind a prompt of 12 tokens
    /// batch.done();
    /// assert!(recorder.flush(Duration::from_secs(10)));
    /// let line = std::fs::read_to_string(&path)?;
    /// assert!(line.contains("\"predicted_tokens\": 40, \"output_tokens\": 37"), "{line}");
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] when a number is out of range.
    pub fn recorded(edges: Edges, config: Config, recorder: Recorder) -> Result<Self, ConfigError> {
        Self::on(Clock::start(), edges, config, Some(recorder))
    }

    /// Returns the edges. They are in use while the gate of [`Config::adapt`] is open.
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(8))?;
    /// assert_eq!(scheduler.edges().bounds(), [0, 32, 64]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn edges(&self) -> Edges {
        self.0.lock(&WakeList::new()).former.edges().clone()
    }

    /// Returns the configuration.
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(8))?;
    /// assert_eq!(scheduler.config().batch_size, 8);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn config(&self) -> Config {
        self.0.lock(&WakeList::new()).config.clone()
    }

    /// Changes edges, batch size and waits while requests flow. Requests that wait stay in their
    /// queues; those that enter one later use the new edges.
    ///
    /// Blocking: takes the forming lock. Producers are not blocked.
    ///
    /// ```
    /// use multibin::{Change, Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(8))?;
    /// scheduler.reconfigure(&Change { batch_size: Some(16), ..Change::default() })?;
    /// assert_eq!(scheduler.config().batch_size, 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] when a value is out of range; the scheduler is unchanged then.
    pub fn reconfigure(&self, change: &Change) -> Result<(), ConfigError> {
        self.0.reconfigure(change)
    }

    /// Adds a worker.
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(8))?;
    /// let worker = scheduler.worker();
    /// scheduler.submit(7, 40)?;
    /// worker.next_batch(None)?.done();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn worker(&self) -> Worker {
        Worker::new(&self.0)
    }

    /// Closes the scheduler: it accepts no further request. Requests that wait leave, full batches
    /// first. Rows may still be resubmitted.
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler, SubmitError};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(8))?;
    /// scheduler.close();
    /// assert!(scheduler.is_closed());
    /// assert!(matches!(scheduler.submit(7, 40), Err(SubmitError::Closed { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(&self) {
        self.0.close();
    }

    /// Closes the scheduler, then waits until no request waits or is leased, for `timeout` at most
    /// (`None`: without limit). Returns false if the timeout was over first. Another thread must
    /// take the batches. Blocking.
    ///
    /// ```
    /// use std::time::Duration;
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(8))?;
    /// scheduler.submit(7, 40)?;
    /// assert!(!scheduler.drain(Some(Duration::ZERO)), "no worker takes it");
    /// scheduler.worker().next_batch(None)?.done();
    /// assert!(scheduler.drain(None));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn drain(&self, timeout: Option<Duration>) -> bool {
        self.drain_async(timeout).wait()
    }

    /// Closes the scheduler at once. Returns a future, for any executor, that waits until no
    /// request waits or is leased; see [`Scheduler::drain`]. `timeout` counts from this call.
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(8))?;
    /// let task = async { scheduler.drain_async(None).await };
    /// # use std::{pin::pin, task::{Context, Poll, Waker}};
    /// # let outcome = pin!(task).poll(&mut Context::from_waker(Waker::noop()));
    /// assert_eq!(outcome, Poll::Ready(true));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drain_async(&self, timeout: Option<Duration>) -> Drain {
        self.close();
        Drain::new(self.0.clone(), timeout)
    }

    /// Wakes another waiter if a batch is ready. This is for a waker whose task will never run: the
    /// waiter that was woken does not ask. Without this call another one is woken 10 ms later.
    ///
    /// A [`NextBatch`](crate::NextBatch) that is dropped does this by itself. A waker may call it;
    /// further wakers are then called after that one has returned. Blocking: takes the forming
    /// lock.
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(8))?;
    /// scheduler.renotify(); // no waiter: no effect
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn renotify(&self) {
        self.0.renotify();
    }

    /// Calls a waker again, from the timer thread of the scheduler. This is for a waker that
    /// failed: its thread was interrupted, or had no stack left. Where no thread can be started,
    /// the waker is kept until one can be, or dropped with the scheduler.
    ///
    /// ```
    /// use std::{sync::Arc, task::{Wake, Waker}, thread::{self, Thread}};
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// struct Unpark(Thread);
    ///
    /// impl Wake for Unpark {
    ///     fn wake(self: Arc<Self>) {
    ///         self.0.unpark();
    ///     }
    /// }
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(8))?;
    /// scheduler.wake_later(Waker::from(Arc::new(Unpark(thread::current()))));
    /// thread::park(); // until the timer thread calls the waker
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wake_later(&self, waker: Waker) {
        self.0.assert_not_forked();
        self.0.retries.push(waker);
    }

    /// Returns true after [`Scheduler::close`].
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(8))?;
    /// assert!(!scheduler.is_closed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.assert_not_forked();
        self.0.admission.is_closed()
    }

    /// Returns true in a child of the process that made the scheduler. The child cannot use it and
    /// must make one. Forks of libc are noticed, on systems that have them.
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(8))?;
    /// assert!(!scheduler.is_forked());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_forked(&self) -> bool {
        self.0.is_forked()
    }
}
