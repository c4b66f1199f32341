//! One scheduler from its start to its end, which two producers and two workers share.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use multibin::{NextError, Scheduler, SubmitError, Worker};

use crate::account::{Account, Tally, fail, require};
use crate::audit;
use crate::cases::{self, Case};
use crate::produce::produce;
use crate::random::Random;
use crate::word::{OWNERS, Owner, State};
use crate::work::Work;

pub const PRODUCERS: u32 = 2;
pub const WORKERS: usize = 2;

/// How a round ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Somebody waits in `drain` while workers take what is left.
    Drain,
    /// A producer closes the scheduler while all submit.
    Close,
    /// The workers leave; what waits is cancelled, one by one.
    Cancel,
}

impl End {
    pub const ALL: [Self; 3] = [Self::Drain, Self::Close, Self::Cancel];
}

/// What its threads share.
pub struct Round<'a> {
    pub seed: u64,
    pub number: u64,
    pub requests: u32,
    pub end: End,
    pub case: &'a Case,
    pub account: &'a Account,
    pub scheduler: Scheduler,
    /// Counts up while anything happens.
    pub pulse: &'a AtomicU64,
    workers: [Mutex<Arc<Worker>>; WORKERS],
    hired: AtomicU32,
    stopped: AtomicBool,
}

impl<'a> Round<'a> {
    pub fn new(
        (seed, number): (u64, u64),
        requests: u32,
        case: &'a Case,
        account: &'a Account,
        pulse: &'a AtomicU64,
    ) -> Self {
        let end = End::ALL[(number / cases::CASES) as usize % End::ALL.len()];
        let scheduler = Scheduler::new(cases::edges(0), case.config.clone())
            .unwrap_or_else(|error| fail(&error.to_string()));
        let workers = std::array::from_fn(|_| Mutex::new(Arc::new(scheduler.worker())));
        let (hired, stopped) = (AtomicU32::new(0), AtomicBool::new(false));
        Self {
            seed,
            number,
            requests,
            end,
            case,
            account,
            scheduler,
            pulse,
            workers,
            hired,
            stopped,
        }
    }

    pub fn random(&self, thread: u64) -> Random {
        Random::new(self.seed, self.number, thread)
    }

    /// A number for a new worker.
    pub fn number_worker(&self) -> Owner {
        1 + (self.hired.fetch_add(1, Ordering::Relaxed) % OWNERS) as Owner
    }

    pub fn worker(&self, desk: usize) -> Arc<Worker> {
        Arc::clone(&self.workers[desk].lock().expect("nobody panics with it"))
    }

    pub fn replace_worker(&self, desk: usize) {
        let worker = Arc::new(self.scheduler.worker());
        *self.workers[desk].lock().expect("nobody panics with it") = worker;
    }

    /// Ends the worker's wait, if it waits.
    pub fn close_worker(&self, desk: usize) {
        self.workers[desk].lock().expect("nobody panics with it").close();
    }

    /// Whether workers that are closed are not to be replaced. Who replaces one asks afterwards.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    pub fn beat(&self) {
        self.pulse.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether `cancel` took back this request, which has this ticket.
    pub fn cancel(&self, request: u32, ticket: u32) -> bool {
        let cancelled = self.scheduler.cancel(u64::from(ticket));
        if cancelled {
            self.account.cancel(request);
        }
        cancelled
    }

    /// Cancels a request that probably waits; rarely any other, as to find out that it is not there
    /// takes a look at everything that waits.
    pub fn try_cancel(&self, request: u32, random: &mut Random, tally: &mut Tally) {
        let word = self.account.word(request);
        let Some(ticket) = word.ticket else { return };
        if word.state != State::Waiting && !random.one_in(64) {
            return;
        }
        if self.cancel(request, ticket) {
            tally.cancelled += 1;
            let twice = random.one_in(256) && self.cancel(request, ticket);
            require(!twice, || format!("request {request} was cancelled twice"));
        }
    }

    /// Runs it and accounts for it.
    pub fn run(&self) -> Tally {
        let mut sum = thread::scope(|scope| {
            let work = |desk| scope.spawn(move || Work::new(self, desk).run());
            let workers: Vec<_> = (0..WORKERS).map(work).collect();
            let produce = |producer| scope.spawn(move || produce(self, producer));
            let producers: Vec<_> = (0..PRODUCERS).map(produce).collect();
            let mut sum = Tally::default();
            let mut join = |thread: thread::ScopedJoinHandle<'_, Tally>| {
                sum.add(&thread.join().unwrap_or_else(|_| fail("a thread panicked")));
            };
            producers.into_iter().for_each(&mut join);
            self.finish();
            workers.into_iter().for_each(&mut join);
            sum
        });
        if self.end == End::Cancel {
            sum.expired += self.report_expired();
            sum.cancelled += audit::cancel_the_rest(self);
        }
        self.check_end();
        audit::check(self, &sum);
        sum
    }

    /// What expired and no batch reported, as no worker is left.
    fn report_expired(&self) -> u64 {
        let expired = self.scheduler.expired();
        for gone in &expired {
            self.account.expire(gone.key);
        }
        expired.len() as u64
    }

    /// No producer is left.
    fn finish(&self) {
        match self.end {
            End::Drain => {
                let _ = self.scheduler.drain(Some(Duration::from_micros(100)));
                require(self.scheduler.drain(None), || "drain ended early".into());
            }
            End::Close => {}
            End::Cancel => {
                self.stopped.store(true, Ordering::SeqCst);
                (0..WORKERS).for_each(|desk| self.close_worker(desk));
            }
        }
    }

    /// It is drained, takes nothing and gives nothing.
    fn check_end(&self) {
        require(self.scheduler.drain(Some(Duration::ZERO)), || "something is left".into());
        let refused = self.scheduler.submit(0, 0);
        require(refused == Err(SubmitError::Closed { accepted: 0, first: None }), || {
            format!("closed, and {refused:?}")
        });
        let next = self.scheduler.worker().next_batch(None).err();
        require(next == Some(NextError::Closed), || format!("drained, and {next:?}"));
    }
}
