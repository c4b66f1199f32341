//! The state that a scheduler, its workers and their batches share, besides the core.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::interpreter::{calls, errors, hooks};
use crate::recording::{Recorded, Recording};

pub struct Shared {
    scheduler: multibin::Scheduler,
    /// The warning of lost rows was logged; a scheduler logs each warning once.
    lost: AtomicBool,
    /// The warning of restarted climbers was logged.
    restarted: AtomicBool,
    workers: AtomicUsize,
    /// Batches in an open `with` block, by the thread that entered the block.
    open: Mutex<HashMap<ThreadId, usize>>,
    recorded: Option<Recorded>,
}

impl Shared {
    pub fn new(scheduler: multibin::Scheduler, recorded: Option<Recorded>) -> Self {
        let (lost, restarted) = (AtomicBool::new(false), AtomicBool::new(false));
        let workers = AtomicUsize::new(0);
        Self { scheduler, lost, restarted, workers, open: Mutex::default(), recorded }
    }

    /// Refuses a call in a child process, whose copies of locks and threads are useless. Call it
    /// before any lock is taken.
    pub fn check_fork(&self) -> PyResult<()> {
        if self.is_forked() { Err(errors::forked()) } else { Ok(()) }
    }

    /// Returns the core's scheduler, unless this is a forked child.
    pub fn core(&self) -> PyResult<&multibin::Scheduler> {
        self.check_fork().map(|()| &self.scheduler)
    }

    pub fn is_forked(&self) -> bool {
        self.scheduler.is_forked()
    }

    pub fn scheduler(&self) -> &multibin::Scheduler {
        &self.scheduler
    }

    pub fn recording(&self, py: Python<'_>) -> Option<Py<Recording>> {
        self.recorded.as_ref().map(|recorded| recorded.recording.clone_ref(py))
    }

    /// Ends the recording, as nothing more will end; waits for the file for a while.
    pub fn end_recording(&self, timeout: Duration) {
        if let Some(recorded) = &self.recorded {
            recorded.end(timeout);
        }
    }

    /// Returns the number of a new worker.
    pub fn count_worker(&self) -> usize {
        // Relaxed: it orders nothing.
        self.workers.fetch_add(1, Ordering::Relaxed)
    }

    /// Notes that this thread entered the `with` block of a batch, and returns the thread.
    pub fn enter(&self) -> ThreadId {
        let thread = thread::current().id();
        self.change(thread, |open| open + 1);
        thread
    }

    /// Notes the end of a batch whose `with` block `thread` entered.
    pub fn leave(&self, thread: ThreadId) {
        self.change(thread, |open| open - 1);
    }

    /// Returns true if this thread is in the `with` block of a batch that has not ended.
    fn is_entered(&self) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.contains_key(&thread::current().id())
    }

    /// Refuses a drain that would wait for what this thread must do meanwhile.
    pub fn check_may_block(&self, py: Python<'_>) -> PyResult<()> {
        let message = if hooks::loop_runs(py, ())?.extract()? {
            "drain() would block the event loop of this thread: await drain_async() instead"
        } else if self.is_entered() {
            "drain() would wait for the end of the with block that it is in"
        } else {
            return Ok(());
        };
        Err(PyRuntimeError::new_err(message))
    }

    fn change(&self, thread: ThreadId, change: impl FnOnce(usize) -> usize) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match change(open.get(&thread).copied().unwrap_or(0)) {
            0 => open.remove(&thread),
            batches => open.insert(thread, batches),
        };
    }

    /// Warns of a batch that was dropped with `rows` lost rows.
    pub fn warn_of_lost(&self, rows: usize) {
        let first = first(&self.lost);
        // `None` means that the interpreter ends.
        Python::try_attach(|py| {
            calls::aside(py, |py| hooks::lost(py, (rows, first)).map(|_| ()));
        });
    }

    /// Logs once, for each scheduler, that climbers lost their worker.
    pub fn warn_of_restarts(&self) {
        // Relaxed: a second warning at worst.
        if self.restarted.load(Ordering::Relaxed) || self.scheduler.stats().restarted == 0 {
            return;
        }
        if first(&self.restarted) {
            let line = "a worker is gone while climbers waited for it: they restart at progress 0 \
                        (counted in stats()[\"restarted\"], logged once for each scheduler)";
            Python::try_attach(|py| {
                calls::aside(py, |py| hooks::log(py, (hooks::WARNING, vec![line])).map(|_| ()));
            });
        }
    }
}

/// Returns true for the first caller.
fn first(logged: &AtomicBool) -> bool {
    // Relaxed: it orders nothing.
    !logged.swap(true, Ordering::Relaxed)
}
