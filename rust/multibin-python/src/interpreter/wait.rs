//! Waits without the GIL, on the main thread in slices between which signals are handled.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::{calls, main_thread};

/// The longest that a wait on the main thread ignores signals (Ctrl-C).
const SIGNALS: Duration = Duration::from_millis(50);

/// Calls `wait` with the time it may take, until it has an answer; `None` after `timeout`.
pub fn detached<T: Send>(
    py: Python<'_>,
    timeout: Option<Duration>,
    wait: impl Fn(Duration) -> Option<T> + Send + Sync,
) -> PyResult<Option<T>> {
    let slices = Slices::new(timeout);
    loop {
        let left = slices.left();
        match py.detach(|| wait(left.min(slices.longest))) {
            None if left > Duration::ZERO => calls::check_signals(py)?,
            answer => return Ok(answer),
        }
    }
}

/// Waits for a future, which keeps its position in the line of waiters; polls it once more after
/// `timeout`.
pub fn block_on<T>(
    py: Python<'_>,
    timeout: Option<Duration>,
    mut future: impl Future<Output = T> + Unpin + Send,
) -> PyResult<T>
where
    T: Send,
{
    let slices = Slices::new(timeout);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        let outcome = py.detach(|| {
            let poll = Pin::new(&mut future).poll(&mut Context::from_waker(&waker));
            if poll.is_pending() {
                thread::park_timeout(slices.left().min(slices.longest));
            }
            poll
        });
        match outcome {
            Poll::Ready(outcome) => return Ok(outcome),
            Poll::Pending => calls::check_signals(py)?,
        }
    }
}

/// The slices of a wait.
struct Slices {
    /// When the wait is over; `None` for one without end.
    end: Option<Instant>,
    longest: Duration,
}

impl Slices {
    fn new(timeout: Option<Duration>) -> Self {
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let longest = if main_thread::is_current() { SIGNALS } else { Duration::MAX };
        Self { end, longest }
    }

    /// Returns the time until the end of the wait.
    fn left(&self) -> Duration {
        let left = |end: Instant| end.saturating_duration_since(Instant::now());
        self.end.map_or(Duration::MAX, left)
    }
}

/// Wakes a parked thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
