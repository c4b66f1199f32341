//! Futures without a runtime: polled by hand, or run to their end by a parked thread.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use multibin::{NextBatch, Worker};

use super::LOST;

/// Counts the wake-ups of a task, and lets a thread wait for one.
#[derive(Default)]
pub struct Wakeups {
    count: AtomicUsize,
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Wakeups {
    fn wake(self: Arc<Self>) {
        self.count.fetch_add(1, Ordering::SeqCst);
        *self.woken.lock().unwrap() = true;
        self.changed.notify_one();
    }
}

/// A future that a test polls by hand.
pub struct Task<F> {
    future: F,
    wakeups: Arc<Wakeups>,
}

impl<F: Future + Unpin> Task<F> {
    pub fn new(future: F) -> Self {
        Self { future, wakeups: Arc::default() }
    }

    /// Polls the future once and panics unless it waits.
    pub fn waiting(future: F) -> Self {
        let mut task = Self::new(future);
        assert!(task.poll().is_pending());
        task
    }

    pub fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(&self.wakeups));
        Pin::new(&mut self.future).poll(&mut Context::from_waker(&waker))
    }

    /// Returns how often the task was woken.
    pub fn wakeups(&self) -> usize {
        self.wakeups.count.load(Ordering::SeqCst)
    }

    /// Waits for a wake-up, at most so long.
    pub fn sleep(&self, max: Duration) {
        let woken = self.wakeups.woken.lock().unwrap();
        let asleep = |woken: &mut bool| !*woken;
        *self.wakeups.changed.wait_timeout_while(woken, max, asleep).unwrap().0 = false;
    }

    /// Polls at each wake-up until the future is ready; panics if a wake-up is lost.
    pub fn run(mut self) -> F::Output {
        let start = Instant::now();
        loop {
            if let Poll::Ready(output) = self.poll() {
                return output;
            }
            self.sleep(LOST);
            assert!(start.elapsed() < LOST, "a wake-up is lost");
        }
    }
}

pub fn block_on<F: Future + Unpin>(future: F) -> F::Output {
    Task::new(future).run()
}

/// Returns a future that waits for a batch, with this waker.
pub fn pending(worker: &Worker, waker: &Waker) -> NextBatch {
    let mut next = worker.next_batch_async(None);
    assert!(Pin::new(&mut next).poll(&mut Context::from_waker(waker)).is_pending());
    next
}
