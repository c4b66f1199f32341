//! What a scheduler, its workers and their batches share beside the core.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};

use pyo3::prelude::*;

use crate::{calls, errors, hooks};

pub struct Shared {
    scheduler: multibin::Scheduler,
    /// What was said already, as a scheduler says it once.
    lost: AtomicBool,
    restarted: AtomicBool,
    workers: AtomicUsize,
    /// Batches in an open `with` block, by the thread that entered it.
    open: Mutex<HashMap<ThreadId, usize>>,
}

const WARNING: u8 = 30;

impl Shared {
    pub fn new(scheduler: multibin::Scheduler) -> Self {
        let (lost, restarted) = (AtomicBool::new(false), AtomicBool::new(false));
        let workers = AtomicUsize::new(0);
        Self { scheduler, lost, restarted, workers, open: Mutex::default() }
    }

    /// Refuses a call in a child process, whose copies of locks and threads are of no use. To be
    /// asked before any lock is taken.
    pub fn check_fork(&self) -> PyResult<()> {
        if self.is_forked() { Err(errors::forked()) } else { Ok(()) }
    }

    pub fn is_forked(&self) -> bool {
        self.scheduler.is_forked()
    }

    pub fn scheduler(&self) -> &multibin::Scheduler {
        &self.scheduler
    }

    /// The number of a new worker.
    pub fn count_worker(&self) -> usize {
        // Relaxed: it orders nothing.
        self.workers.fetch_add(1, Ordering::Relaxed)
    }

    /// Notes that this thread entered the `with` block of a batch; returns the thread.
    pub fn enter(&self) -> ThreadId {
        let thread = thread::current().id();
        self.change(thread, |open| open + 1);
        thread
    }

    /// Notes that the batch of a `with` block that `thread` entered has ended.
    pub fn leave(&self, thread: ThreadId) {
        self.change(thread, |open| open - 1);
    }

    /// Whether this thread is in the `with` block of a batch that has not ended.
    pub fn is_entered(&self) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.contains_key(&thread::current().id())
    }

    fn change(&self, thread: ThreadId, change: impl FnOnce(usize) -> usize) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match change(open.get(&thread).copied().unwrap_or(0)) {
            0 => open.remove(&thread),
            batches => open.insert(thread, batches),
        };
    }

    /// Warns of a batch that was dropped with `rows` that are lost.
    pub fn warn_of_lost(&self, rows: usize) {
        let first = first(&self.lost);
        // `None`: the interpreter ends.
        Python::try_attach(|py| {
            calls::aside(py, |py| hooks::lost(py, (rows, first)).map(|_| ()));
        });
    }

    /// Logs, once, that climbers lost their worker, if some did.
    pub fn warn_of_restarts(&self) {
        // Relaxed: a second warning at worst.
        if self.restarted.load(Ordering::Relaxed) || self.scheduler.stats().restarted == 0 {
            return;
        }
        if first(&self.restarted) {
            let line = "a worker went away beside climbers that wait for it: they start over with \
                        progress 0 (counted in stats()[\"restarted\"], logged once for each scheduler)";
            Python::try_attach(|py| {
                calls::aside(py, |py| hooks::log(py, (WARNING, vec![line])).map(|_| ()));
            });
        }
    }
}

fn first(said: &AtomicBool) -> bool {
    // Relaxed: it orders nothing, only the first caller is told apart.
    !said.swap(true, Ordering::Relaxed)
}
