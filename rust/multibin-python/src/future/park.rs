//! Threads that wait for a future, without the GIL.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::class::Future;
use super::state::Phase;
use crate::interpreter::wait;

/// A thread that waits.
pub struct Parked {
    thread: Thread,
    is_woken: AtomicBool,
}

impl Parked {
    fn new() -> Self {
        Self { thread: thread::current(), is_woken: AtomicBool::new(false) }
    }

    pub fn wake(&self) {
        // Relaxed: what the thread then looks at is guarded by the GIL.
        self.is_woken.store(true, Ordering::Relaxed);
        self.thread.unpark();
    }

    /// Parks this thread until it is woken, or `longest`; returns true if it was woken.
    fn park(&self, longest: Duration) -> bool {
        let end = Instant::now().checked_add(longest);
        let left =
            || end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
        // Relaxed: what this thread then looks at is guarded by the GIL.
        while !self.is_woken.load(Ordering::Relaxed) {
            let left = left();
            if left.is_zero() {
                return false;
            }
            thread::park_timeout(left);
        }
        true
    }
}

impl Future {
    /// Waits until the phase is as asked, or `timeout`; returns true if it is.
    pub fn park(
        &self,
        py: Python<'_>,
        timeout: Option<Duration>,
        is_met: impl Fn(&Phase) -> bool,
    ) -> PyResult<bool> {
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let mut state = self.lock(py);
            if is_met(&state.phase) {
                return Ok(true);
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(false);
            }
            let parked = Arc::new(Parked::new());
            state.rare().parked.push(Arc::clone(&parked));
            drop(state);
            let woken = wait::detached(py, left, |slice| parked.park(slice).then_some(()));
            self.lock(py).rare().parked.retain(|other| !Arc::ptr_eq(other, &parked));
            woken?;
        }
    }
}
