//! Waiting without the GIL, in slices where signals are to be seen.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::{calls, hooks};

/// How often a wait on the main thread looks for signals (Ctrl-C).
const SIGNALS: Duration = Duration::from_millis(50);

/// Calls `wait` with how long it may take until it has an answer, or `timeout` is over (`None`).
pub fn detached<T: Send>(
    py: Python<'_>,
    timeout: Option<Duration>,
    wait: impl Fn(Duration) -> Option<T> + Send + Sync,
) -> PyResult<Option<T>> {
    let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let slice = if hooks::is_main_thread() { SIGNALS } else { Duration::MAX };
    loop {
        let left = |end: Instant| end.saturating_duration_since(Instant::now());
        let left = end.map_or(Duration::MAX, left);
        match py.detach(|| wait(left.min(slice))) {
            None if left > Duration::ZERO => calls::check_signals(py)?,
            answer => return Ok(answer),
        }
    }
}

/// Waits for a future, whose place among those that wait stays its own meanwhile; polls it once more
/// when `timeout` is over.
pub fn block_on<T>(
    py: Python<'_>,
    timeout: Option<Duration>,
    mut future: impl Future<Output = T> + Unpin + Send,
) -> PyResult<T>
where
    T: Send,
{
    let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let slice = if hooks::is_main_thread() { SIGNALS } else { Duration::MAX };
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        let outcome = py.detach(|| {
            let poll = Pin::new(&mut future).poll(&mut Context::from_waker(&waker));
            if poll.is_pending() {
                let left = |end: Instant| end.saturating_duration_since(Instant::now());
                thread::park_timeout(end.map_or(Duration::MAX, left).min(slice));
            }
            poll
        });
        match outcome {
            Poll::Ready(outcome) => return Ok(outcome),
            Poll::Pending => calls::check_signals(py)?,
        }
    }
}

/// Wakes a thread that parks.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
