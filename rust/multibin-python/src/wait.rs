//! Waiting without the GIL, in slices where signals are to be seen.

use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::hooks;

/// How often a wait on the main thread looks for signals (Ctrl-C).
const SIGNALS: Duration = Duration::from_millis(50);

/// Calls `wait` with how long it may take until it has an answer, or `timeout` is over (`None`).
pub fn detached<T: Send>(
    py: Python<'_>,
    timeout: Option<Duration>,
    wait: impl Fn(Duration) -> Option<T> + Send + Sync,
) -> PyResult<Option<T>> {
    let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let slice = if is_main_thread(py)? { SIGNALS } else { Duration::MAX };
    loop {
        let left = |end: Instant| end.saturating_duration_since(Instant::now());
        let left = end.map_or(Duration::MAX, left);
        match py.detach(|| wait(left.min(slice))) {
            None if left > Duration::ZERO => py.check_signals()?,
            answer => return Ok(answer),
        }
    }
}

fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    hooks::is_main_thread(py, ())?.extract()
}
