//! The shipped scheduler under the model checker: who sleeps beside a batch is woken.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p multibin --profile loom --lib loom`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::thread;

use super::{NextBatch, Scheduler, Worker};
use crate::sync::{AtomicU32, Ordering};
use crate::{Config, Edges, Fill, Overrun};

/// Counts how often it was woken.
struct Bed(AtomicU32);

impl Wake for Bed {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A future that was polled and sleeps, unless a batch was there.
struct Sleeper {
    bed: Arc<Bed>,
    next: NextBatch,
    rows: usize,
}

impl Sleeper {
    fn new(worker: &Worker) -> Self {
        let bed = Arc::new(Bed(AtomicU32::new(0)));
        let mut sleeper = Self { bed, next: worker.next_batch_async(None), rows: 0 };
        sleeper.poll();
        sleeper
    }

    fn poll(&mut self) {
        let waker = Waker::from(Arc::clone(&self.bed));
        let poll = Pin::new(&mut self.next).poll(&mut Context::from_waker(&waker));
        if let Poll::Ready(Ok(batch)) = poll {
            self.rows += batch.rows().len();
            batch.done();
        }
    }

    /// Polls as often as it was woken, or has set an alarm.
    fn run(&mut self) -> usize {
        while self.bed.0.swap(0, Ordering::Relaxed) > 0 || self.next.has_alarm() {
            self.poll();
        }
        self.rows
    }
}

fn model(check: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(check);
}

fn scheduler(fill: Fill, batch_size: u32) -> Scheduler {
    let config = Config { fill, capacity: 4, ..Config::new(batch_size) };
    Scheduler::new(Edges::new(&[0, 10]).unwrap(), config).unwrap()
}

fn submits(scheduler: &Scheduler, key: u64) -> thread::JoinHandle<()> {
    let scheduler = scheduler.clone();
    thread::spawn(move || {
        scheduler.submit(key, 1).unwrap();
    })
}

/// One falls asleep while two submit what completes a batch together.
#[test]
fn falling_asleep_beside_a_full_strict_bin() {
    model(|| {
        let scheduler = scheduler(Fill::Strict, 2);
        let worker = scheduler.worker();
        let producers = [submits(&scheduler, 1), submits(&scheduler, 2)];
        let mut sleeper = Sleeper::new(&worker);
        for producer in producers {
            producer.join().unwrap();
        }
        assert_eq!(sleeper.run(), 2);
    });
}

/// One sleeps without an alarm while two submit what completes a batch together: whoever rings may
/// find that the other has claimed the place before its own and not published.
#[test]
fn a_producer_stalls_beside_one_who_sleeps_already() {
    model(|| {
        let scheduler = scheduler(Fill::Strict, 2);
        let worker = scheduler.worker();
        let mut sleeper = Sleeper::new(&worker);
        let producers = [submits(&scheduler, 1), submits(&scheduler, 2)];
        for producer in producers {
            producer.join().unwrap();
        }
        assert_eq!(sleeper.run(), 2);
    });
}

/// The only alarm that is set beside a stalled producer goes to who sleeps on.
#[test]
fn whoever_looks_again_may_be_dropped() {
    model(|| {
        let scheduler = scheduler(Fill::Elastic, 1);
        let worker = scheduler.worker();
        let producer = submits(&scheduler, 1);
        let first = Sleeper::new(&worker);
        let mut second = Sleeper::new(&worker);
        let taken = first.rows;
        drop(first);
        producer.join().unwrap();
        assert_eq!(taken + second.run(), 1);
    });
}

/// Nobody sleeps: who asks by the marks alone finds everything in the end.
#[test]
fn a_stalled_producer_is_found_by_who_does_not_sleep() {
    model(|| {
        let scheduler = scheduler(Fill::Elastic, 1);
        let worker = scheduler.worker();
        let mut next = worker.next_batch_async(None);
        let mut taken = || next.try_next().map_or(0, |batch| batch.unwrap().rows().len());
        let producers = [submits(&scheduler, 1), submits(&scheduler, 2)];
        let early = taken();
        for producer in producers {
            producer.join().unwrap();
        }
        assert_eq!(early + taken() + taken(), 2);
    });
}

/// Of two that sleep, the one that is woken is dropped instead of polled.
#[test]
fn a_dropped_sleeper_passes_its_wake_up_on() {
    model(|| {
        let scheduler = scheduler(Fill::Elastic, 1);
        let worker = scheduler.worker();
        let first = Sleeper::new(&worker);
        let mut second = Sleeper::new(&worker);
        let producer = submits(&scheduler, 1);
        let dropping = thread::spawn(move || drop(first));
        producer.join().unwrap();
        dropping.join().unwrap();
        assert_eq!(second.run(), 1);
    });
}

/// Two batches become possible while one worker comes and takes what it finds.
#[test]
fn who_leaves_with_a_batch_wakes_the_next() {
    model(|| {
        let scheduler = scheduler(Fill::Elastic, 1);
        let worker = scheduler.worker();
        let mut sleeper = Sleeper::new(&worker);
        let producer = submits(&scheduler, 1);
        let passing = {
            let scheduler = scheduler.clone();
            thread::spawn(move || {
                let worker = scheduler.worker();
                let taken = worker.next_batch(Some(std::time::Duration::ZERO));
                taken.map_or(0, |batch| batch.rows().len())
            })
        };
        scheduler.submit(2, 1).unwrap();
        producer.join().unwrap();
        let taken = passing.join().unwrap();
        let slept = sleeper.run();
        // Woken for two, it takes one at a time.
        sleeper.poll();
        assert!(slept > 0 || taken == 1, "asleep beside a batch");
        assert_eq!(sleeper.rows + taken, 2);
    });
}

/// Closing ends every sleep, however it meets the last request.
#[test]
fn closing_wakes_everybody() {
    model(|| {
        let scheduler = scheduler(Fill::Strict, 2);
        let worker = scheduler.worker();
        let mut sleeper = Sleeper::new(&worker);
        let producer = {
            let scheduler = scheduler.clone();
            thread::spawn(move || scheduler.submit(1, 1).is_ok())
        };
        scheduler.close();
        let accepted = producer.join().unwrap();
        assert_eq!(sleeper.run(), usize::from(accepted));
    });
}

/// One that was told never asks: another one gets the batch after a tick, wherever that comes.
#[test]
fn a_told_sleeper_that_never_asks_strands_nobody() {
    model(|| {
        let scheduler = scheduler(Fill::Elastic, 1);
        let worker = scheduler.worker();
        let dead = Sleeper::new(&worker);
        let mut alive = Sleeper::new(&worker);
        let producer = submits(&scheduler, 1);
        scheduler.0.tick(u64::MAX);
        producer.join().unwrap();
        assert_eq!(dead.bed.0.load(Ordering::Relaxed), 1);
        scheduler.0.tick(u64::MAX);
        assert_eq!(alive.run(), 1);
    });
}

/// A worker that goes with its batch while another one falls asleep hands it the climber.
#[test]
fn the_last_handle_of_a_worker_frees_its_climber() {
    model(|| {
        let config = Config { overrun: Overrun::Climb, capacity: 4, ..Config::new(1) };
        let scheduler = Scheduler::new(Edges::new(&[0, 10]).unwrap(), config).unwrap();
        let (worker, other) = (scheduler.worker(), scheduler.worker());
        scheduler.submit(1, 1).unwrap();
        let batch = worker.next_batch(None).unwrap();
        batch.resubmit(&[(0, 1)], false).unwrap();
        let dropping = [thread::spawn(move || drop(worker)), thread::spawn(move || drop(batch))];
        let mut sleeper = Sleeper::new(&other);
        for dropping in dropping {
            dropping.join().unwrap();
        }
        assert_eq!(sleeper.run(), 1);
    });
}

/// The end of the lease wakes the future that waits for it.
#[test]
fn the_end_of_a_lease_wakes_a_draining_future() {
    model(|| {
        let scheduler = scheduler(Fill::Elastic, 1);
        let worker = scheduler.worker();
        scheduler.submit(1, 1).unwrap();
        let batch = worker.next_batch(None).unwrap();
        let finisher = thread::spawn(move || batch.done());
        let bed = Arc::new(Bed(AtomicU32::new(0)));
        let waker = Waker::from(Arc::clone(&bed));
        let mut drain = scheduler.drain_async(None);
        let mut poll = || Pin::new(&mut drain).poll(&mut Context::from_waker(&waker));
        let early = poll();
        finisher.join().unwrap();
        assert!(early.is_ready() || bed.0.load(Ordering::Relaxed) == 1);
        assert_eq!(poll(), Poll::Ready(true));
    });
}

/// A loop over a worker ends, or gets the climber, however the end of its lease meets the closing.
#[test]
fn a_loop_that_waits_for_its_last_lease_ends() {
    for climbs in [false, true] {
        model(move || {
            let config = Config { overrun: Overrun::Climb, capacity: 4, ..Config::new(1) };
            let scheduler = Scheduler::new(Edges::new(&[0, 10, 20]).unwrap(), config).unwrap();
            let worker = scheduler.worker();
            scheduler.submit(1, 0).unwrap();
            let batch = worker.next_batch(None).unwrap();
            let ending = thread::spawn(move || {
                if climbs {
                    batch.resubmit(&[(0, 10)], false).unwrap();
                }
                batch.done();
            });
            let closing = {
                let scheduler = scheduler.clone();
                thread::spawn(move || scheduler.close())
            };
            let mut taken = 0;
            for batch in worker.batches() {
                taken += batch.rows().len();
                batch.done();
            }
            assert_eq!(taken, usize::from(climbs));
            ending.join().unwrap();
            closing.join().unwrap();
        });
    }
}
