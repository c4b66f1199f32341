//! What the threads of a round share: one scheduler, its workers and the account.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use multibin::{Scheduler, Worker};

use crate::account::Account;
use crate::cases::{self, Case};
use crate::failure::{fail, require};
use crate::random::Random;
use crate::record::{MAX_OWNER, Owner, State};
use crate::tally::Tally;

pub const PRODUCERS: u32 = 2;
pub const WORKERS: usize = 2;

/// How a round ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// A thread waits in `drain` while workers take what is left.
    Drain,
    /// A producer closes the scheduler while all producers submit.
    Close,
    /// The workers leave; the requests that wait are cancelled, one by one.
    Cancel,
}

impl End {
    pub const ALL: [Self; 3] = [Self::Drain, Self::Close, Self::Cancel];
}

/// A scheduler from its start to its end.
pub struct Round<'a> {
    pub seed: u64,
    pub number: u64,
    pub requests: u32,
    pub end: End,
    pub case: &'a Case,
    pub account: &'a Account,
    pub scheduler: Scheduler,
    /// Counts batches, so that a standstill is noticed.
    activity: &'a AtomicU64,
    /// By worker thread, the worker that it uses.
    workers: [Mutex<Arc<Worker>>; WORKERS],
    numbered: AtomicU32,
    stopped: AtomicBool,
}

impl<'a> Round<'a> {
    pub fn new(
        (seed, number): (u64, u64),
        requests: u32,
        case: &'a Case,
        account: &'a Account,
        activity: &'a AtomicU64,
    ) -> Self {
        let scheduler = Scheduler::new(cases::edges(0), case.config.clone())
            .unwrap_or_else(|error| fail(&error.to_string()));
        Self {
            seed,
            number,
            requests,
            end: End::ALL[(number / cases::CASES) as usize % End::ALL.len()],
            case,
            account,
            workers: std::array::from_fn(|_| Mutex::new(Arc::new(scheduler.worker()))),
            scheduler,
            activity,
            numbered: AtomicU32::new(0),
            stopped: AtomicBool::new(false),
        }
    }

    pub fn random(&self, thread: u64) -> Random {
        Random::new(self.seed, self.number, thread)
    }

    /// Returns a number for a new worker.
    pub fn number_worker(&self) -> Owner {
        1 + (self.numbered.fetch_add(1, Ordering::Relaxed) % MAX_OWNER) as Owner
    }

    pub fn worker(&self, thread: usize) -> Arc<Worker> {
        Arc::clone(&self.lock(thread))
    }

    pub fn replace_worker(&self, thread: usize) {
        let worker = Arc::new(self.scheduler.worker());
        *self.lock(thread) = worker;
    }

    /// Closes a thread's worker, which ends its wait for a batch.
    pub fn close_worker(&self, thread: usize) {
        self.lock(thread).close();
    }

    fn lock(&self, thread: usize) -> MutexGuard<'_, Arc<Worker>> {
        self.workers[thread].lock().expect("no thread panics with it")
    }

    /// Ends the replacement of workers and closes those that there are.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        (0..WORKERS).for_each(|thread| self.close_worker(thread));
    }

    /// Returns true after [`stop`](Self::stop).
    ///
    /// A thread that replaces a worker asks afterwards, so that no worker stays open.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Counts one batch.
    pub fn note_activity(&self) {
        self.activity.fetch_add(1, Ordering::Relaxed);
    }

    /// Cancels the request with this ticket. Returns true if it waited.
    pub fn cancel(&self, request: u32, ticket: u32) -> bool {
        let cancelled = self.scheduler.cancel(u64::from(ticket));
        if cancelled {
            self.account.cancel(request);
        }
        cancelled
    }

    /// Cancels a request that probably waits.
    ///
    /// Seldom tries another one: the scheduler visits every waiting request to find it missing.
    pub fn try_cancel(&self, request: u32, random: &mut Random, tally: &mut Tally) {
        let record = self.account.record(request);
        let Some(ticket) = record.ticket else { return };
        if record.state != State::Waiting && !random.one_in(64) {
            return;
        }
        if self.cancel(request, ticket) {
            tally.cancelled += 1;
            let twice = random.one_in(256) && self.cancel(request, ticket);
            require(!twice, || format!("request {request} was cancelled twice"));
        }
    }
}
