//! Real threads: every accepted request is accounted for, sleepers wake, and all ends end.
#![cfg(not(loom))]

use std::collections::HashMap;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use multibin::{
    Adapt, AdaptError, Batch, Change, Config, ConfigError, Edges, Fill, NextError, Overrun,
    Scheduler, SubmitError, Worker,
};

const PRODUCERS: u64 = 4;
const WORKERS: usize = 3;
const EACH: u64 = 20_000;

fn edges() -> Edges {
    Edges::new(&[0, 8, 16, 32, 64]).unwrap()
}

/// A length that depends on the key alone.
fn length(key: u64) -> u32 {
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 57) as u32
}

fn produce(scheduler: &Scheduler, producer: u64) {
    let mut keys: Vec<u64> = (producer * EACH..(producer + 1) * EACH).collect();
    while !keys.is_empty() {
        let bulk = keys.len().is_multiple_of(3);
        let wanted = keys.len().min(if bulk { 50 } else { 1 });
        let lengths: Vec<u32> = keys[..wanted].iter().map(|&key| length(key)).collect();
        let outcome = if bulk {
            scheduler.submit_many(&keys[..wanted], &lengths)
        } else {
            scheduler.submit(keys[0], lengths[0])
        };
        let accepted = match outcome {
            Ok(_) => wanted,
            Err(SubmitError::Full { accepted, .. }) => {
                thread::yield_now();
                accepted
            }
            Err(error) => panic!("{error}"),
        };
        keys.drain(..accepted);
    }
}

/// Deliveries of each key that came as a first entry or a climb, and how many were expected.
#[derive(Default)]
struct Account {
    delivered: HashMap<u64, u32>,
    expected: HashMap<u64, u32>,
}

fn handle(batch: &Batch, account: &mut Account) {
    let climbs = |row: &usize| {
        let row = &batch.rows()[*row];
        row.progress < 20 && (row.key + u64::from(row.progress)).is_multiple_of(5)
    };
    for row in batch.rows() {
        *account.delivered.entry(row.key).or_default() += 1;
    }
    let rows: Vec<_> = (0..batch.rows().len())
        .filter(climbs)
        .map(|row| (row, batch.rows()[row].progress + 10))
        .collect();
    for &(row, _) in &rows {
        *account.expected.entry(batch.rows()[row].key).or_insert(1) += 1;
    }
    batch.resubmit(&rows, batch.bin() == 1).unwrap();
    // Some leases are dropped: their rows are lost, and counted.
    if !batch.rows()[0].key.is_multiple_of(17) {
        batch.done();
    }
}

fn work(scheduler: &Scheduler, account: &Mutex<Account>) {
    let worker = scheduler.worker();
    loop {
        match worker.next_batch(Some(Duration::from_millis(20))) {
            Ok(batch) => handle(&batch, &mut account.lock().unwrap()),
            Err(NextError::Timeout) => {}
            Err(NextError::Closed | NextError::WorkerClosed) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Everything was delivered, and as often as it entered a queue.
fn check(account: Mutex<Account>) {
    let account = account.into_inner().unwrap();
    assert_eq!(account.delivered.len() as u64, PRODUCERS * EACH);
    for (key, &times) in &account.delivered {
        assert_eq!(times, account.expected.get(key).copied().unwrap_or(1), "key {key}");
    }
}

fn stress(config: Config) {
    let scheduler = Scheduler::new(edges(), config).unwrap();
    let account = Mutex::new(Account::default());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| work(&scheduler, &account));
        }
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let scheduler = &scheduler;
                scope.spawn(move || produce(scheduler, producer))
            })
            .collect();
        for producer in producers {
            producer.join().unwrap();
        }
        scheduler.close();
    });
    // A climber whose worker ended first waits in the shared queues; one more worker takes it.
    work(&scheduler, &account);
    check(account);
    let stats = scheduler.stats();
    assert_eq!((stats.waiting, stats.leased), (0, 0));
    assert_eq!(stats.done + stats.lost, PRODUCERS * EACH);
    assert!(stats.lost > 0 && stats.resubmitted > 0);
}

#[test]
fn elastic_threads_lose_and_double_nothing() {
    stress(Config { capacity: 300, ..Config::new(8) });
}

#[test]
fn climbing_threads_lose_and_double_nothing() {
    stress(Config { overrun: Overrun::Climb, ..Config::new(8) });
}

#[test]
fn strict_threads_lose_and_double_nothing() {
    // Without a wait bound a full scheduler whose bins are all partial would stand still.
    let max_wait = Some(Duration::from_millis(1));
    stress(Config { capacity: 300, fill: Fill::Strict, max_wait, ..Config::new(8) });
}

#[test]
fn a_sleeping_worker_wakes_for_each_batch() {
    for fill in [Fill::Elastic, Fill::Strict] {
        let scheduler = Scheduler::new(edges(), Config { fill, ..Config::new(2) }).unwrap();
        thread::scope(|scope| {
            let taken = scope.spawn(|| {
                let worker = scheduler.worker();
                let mut rows = 0;
                while let Ok(batch) = worker.next_batch(None) {
                    rows += batch.rows().len();
                    batch.done();
                }
                rows
            });
            for key in 0..200 {
                scheduler.submit(key, 3).unwrap();
                if key % 10 == 0 {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            while scheduler.stats().waiting > 0 {
                thread::sleep(Duration::from_millis(1));
            }
            scheduler.close();
            assert_eq!(taken.join().unwrap(), 200);
        });
    }
}

#[test]
fn strict_worker_wakes_when_a_request_is_overdue() {
    let max_wait = Some(Duration::from_millis(30));
    let config = Config { fill: Fill::Strict, max_wait, ..Config::new(4) };
    let scheduler = Scheduler::new(edges(), config).unwrap();
    thread::scope(|scope| {
        let batch = scope.spawn(|| scheduler.worker().next_batch(Some(Duration::from_secs(10))));
        thread::sleep(Duration::from_millis(20));
        scheduler.submit(1, 3).unwrap();
        let batch = batch.join().unwrap().unwrap();
        let waited = batch.waits().next().unwrap();
        assert!(waited >= Duration::from_millis(30), "{waited:?}");
        assert!(waited < Duration::from_secs(5), "{waited:?}");
        batch.done();
    });
}

#[test]
fn closing_ends_every_wait() {
    let scheduler = Scheduler::new(edges(), Config::new(4)).unwrap();
    thread::scope(|scope| {
        let waits: Vec<_> =
            (0..3).map(|_| scope.spawn(|| scheduler.worker().next_batch(None).err())).collect();
        thread::sleep(Duration::from_millis(10));
        scheduler.close();
        for wait in waits {
            assert_eq!(wait.join().unwrap(), Some(NextError::Closed));
        }
    });
    assert_eq!(scheduler.submit(1, 1), Err(SubmitError::Closed { accepted: 0, first: None }));
}

#[test]
fn closing_a_worker_ends_its_wait_and_frees_its_climbers() {
    let config = Config { overrun: Overrun::Climb, ..Config::new(1) };
    let scheduler = Scheduler::new(edges(), config).unwrap();
    let worker = scheduler.worker();
    scheduler.submit(7, 0).unwrap();
    let batch = worker.next_batch(None).unwrap();
    batch.resubmit(&[(0, 8)], false).unwrap();
    let other = scheduler.worker();
    assert_eq!(other.next_batch(Some(Duration::ZERO)).err(), Some(NextError::Timeout));
    worker.close();
    assert_eq!(worker.next_batch(None).err(), Some(NextError::WorkerClosed));
    let again = other.next_batch(Some(Duration::ZERO)).unwrap();
    assert_eq!((again.rows()[0].key, again.rows()[0].progress), (7, 0));
    assert_eq!(scheduler.stats().restarted, 1);
}

#[test]
fn resubmitting_wakes_the_worker_that_sleeps() {
    let config = Config { overrun: Overrun::Climb, ..Config::new(1) };
    let scheduler = Scheduler::new(edges(), config).unwrap();
    let worker = scheduler.worker();
    scheduler.submit(7, 0).unwrap();
    let batch = worker.next_batch(None).unwrap();
    thread::scope(|scope| {
        let next = scope.spawn(|| worker.next_batch(Some(Duration::from_secs(10))));
        thread::sleep(Duration::from_millis(10));
        batch.resubmit(&[(0, 8)], false).unwrap();
        assert_eq!(next.join().unwrap().unwrap().rows()[0].progress, 8);
    });
}

#[test]
fn a_timeout_is_kept() {
    let scheduler = Scheduler::new(edges(), Config::new(4)).unwrap();
    let start = Instant::now();
    let outcome = scheduler.worker().next_batch(Some(Duration::from_millis(20)));
    assert_eq!(outcome.err(), Some(NextError::Timeout));
    assert!(start.elapsed() >= Duration::from_millis(20));
}

#[test]
fn closing_while_others_submit_loses_nobody_and_ends() {
    for round in 0..500 {
        let fill = if round % 2 == 0 { Fill::Strict } else { Fill::Elastic };
        let scheduler = Scheduler::new(edges(), Config { fill, ..Config::new(4) }).unwrap();
        let submit_until_closed = || {
            let lengths = (0..).map(|key| scheduler.submit(key, length(key)));
            lengths.take_while(Result::is_ok).count()
        };
        let take_all = || {
            let worker = scheduler.worker();
            let mut rows = 0;
            while let Ok(batch) = worker.next_batch(None) {
                rows += batch.rows().len();
                batch.done();
            }
            rows
        };
        thread::scope(|scope| {
            let workers = [scope.spawn(take_all), scope.spawn(take_all)];
            let producers = [scope.spawn(submit_until_closed), scope.spawn(submit_until_closed)];
            thread::sleep(Duration::from_micros(50 + round));
            scheduler.close();
            let accepted: usize = producers.map(|thread| thread.join().unwrap()).iter().sum();
            let taken: usize = workers.map(|thread| thread.join().unwrap()).iter().sum();
            assert_eq!(taken, accepted);
        });
    }
}

/// Workers sleep without a timeout, so that nothing heals a lost wake-up.
#[test]
fn strict_workers_with_climbers_are_woken_for_their_own_full_bins() {
    let config = Config { fill: Fill::Strict, overrun: Overrun::Climb, ..Config::new(2) };
    for sleeps_first in [true, false] {
        let scheduler = Scheduler::new(edges(), config.clone()).unwrap();
        let (owner, other) = (scheduler.worker(), scheduler.worker());
        scheduler.submit(1, 0).unwrap();
        scheduler.submit(2, 0).unwrap();
        let batch = owner.next_batch(None).unwrap();
        batch.resubmit(&[(0, 8)], false).unwrap();
        batch.done();
        thread::scope(|scope| {
            let wait = |worker| scope.spawn(move || Worker::next_batch(worker, None));
            let other = |()| wait(&other);
            let early = sleeps_first.then_some(()).map(other);
            thread::sleep(Duration::from_millis(20));
            let batch = wait(&owner);
            thread::sleep(Duration::from_millis(20));
            let late = (!sleeps_first).then_some(()).map(other);
            thread::sleep(Duration::from_millis(20));
            // Completes a batch with the climber, and none without it.
            scheduler.submit(3, 9).unwrap();
            let batch = batch.join().unwrap().unwrap();
            assert_eq!(batch.rows().iter().map(|row| row.key).collect::<Vec<_>>(), [1, 3]);
            scheduler.close();
            let other = early.or(late).unwrap().join().unwrap();
            assert_eq!(other.err(), Some(NextError::Closed));
        });
    }
}

#[test]
fn strict_threads_without_any_timeout_end() {
    for round in 0..30 {
        let overrun = if round % 2 == 0 { Overrun::Climb } else { Overrun::Finish };
        let config = Config { fill: Fill::Strict, overrun, ..Config::new(4) };
        let scheduler = Scheduler::new(edges(), config).unwrap();
        let account = Mutex::new(Account::default());
        thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    let worker = scheduler.worker();
                    while let Ok(batch) = worker.next_batch(None) {
                        handle(&batch, &mut account.lock().unwrap());
                    }
                });
            }
            let producers: Vec<_> = (0..PRODUCERS)
                .map(|producer| {
                    let scheduler = &scheduler;
                    scope.spawn(move || {
                        for key in producer * 500..(producer + 1) * 500 {
                            scheduler.submit(key, length(key)).unwrap();
                        }
                    })
                })
                .collect();
            for producer in producers {
                producer.join().unwrap();
            }
            // Whatever is full leaves although nobody submits any more: at most 3 a bin and worker
            // are left, its own climbers among them.
            let left = (4 * 3 + 3 * 4 * 3) as u64;
            while scheduler.stats().waiting > left {
                thread::yield_now();
            }
            scheduler.close();
        });
        work(&scheduler, &account);
        assert_eq!(account.into_inner().unwrap().delivered.len() as u64, PRODUCERS * 500);
    }
}

#[test]
fn a_capacity_beyond_the_memory_is_refused() {
    let config = Config { capacity: 1 << 30, ..Config::new(4) };
    // 80 GiB: some machines have them.
    if let Err(error) = Scheduler::new(edges(), config) {
        assert_eq!(error, ConfigError::Memory(1 << 30));
    }
}

/// Each would be as many terabytes if it was allocated before it is refused.
#[test]
fn impossible_sizes_are_refused_before_memory_is_asked_for() {
    let refused = |config| Scheduler::new(edges(), config).unwrap_err();
    let most = 1 << 45;
    let bins = refused(Config { max_bins: Some(most), ..Config::new(4) });
    assert_eq!(bins, ConfigError::MaxBins(most));
    let adapt = Adapt { bins: Some(most), ..Adapt::default() };
    let fitted = refused(Config { adapt: Some(adapt), ..Config::new(4) });
    assert_eq!(fitted, ConfigError::Adapt(AdaptError::Bins(most)));
    let capacity = refused(Config { capacity: most, ..Config::new(4) });
    assert_eq!(capacity, ConfigError::Capacity(most));
    let rows = refused(Config::new(u32::MAX));
    assert_eq!(rows, ConfigError::NeverFull { batch_size: u32::MAX, capacity: 65_536 });
}

/// Nobody else sleeps who could arm the bell for it.
#[test]
fn a_lone_strict_worker_with_a_climber_is_woken_for_its_full_bin() {
    let config = Config { fill: Fill::Strict, overrun: Overrun::Climb, ..Config::new(2) };
    let scheduler = Scheduler::new(edges(), config).unwrap();
    let worker = scheduler.worker();
    scheduler.submit(1, 0).unwrap();
    scheduler.submit(2, 0).unwrap();
    let batch = worker.next_batch(None).unwrap();
    batch.resubmit(&[(0, 8)], false).unwrap();
    batch.done();
    thread::scope(|scope| {
        let next = scope.spawn(|| worker.next_batch(Some(Duration::from_secs(5))));
        thread::sleep(Duration::from_millis(20));
        scheduler.submit(3, 9).unwrap();
        let start = Instant::now();
        let batch = next.join().unwrap().unwrap();
        assert_eq!(batch.rows().iter().map(|row| row.key).collect::<Vec<_>>(), [1, 3]);
        // At the timeout it would look once more and find the batch: that is no wake-up.
        assert!(start.elapsed() < Duration::from_secs(4), "slept until the timeout");
    });
}

/// Whoever cancels and whoever takes agree on who has it.
#[test]
fn a_request_is_cancelled_or_delivered_and_never_both() {
    for fill in [Fill::Elastic, Fill::Strict] {
        let config = Config { fill, capacity: 64, ..Config::new(4) };
        let scheduler = Scheduler::new(edges(), config).unwrap();
        let delivered = Mutex::new(Vec::new());
        let cancelled = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let worker = scheduler.worker();
                    while let Ok(batch) = worker.next_batch(None) {
                        delivered.lock().unwrap().extend(batch.rows().iter().map(|row| row.ticket));
                        batch.done();
                    }
                });
            }
            let producers: Vec<_> = (0..PRODUCERS)
                .map(|_| {
                    scope.spawn(|| {
                        for key in 0..EACH {
                            let ticket = loop {
                                match scheduler.submit(key, length(key)) {
                                    Ok(ticket) => break ticket,
                                    Err(_) => thread::yield_now(),
                                }
                            };
                            let doubtful = ticket.saturating_sub(key % 7);
                            if key % 3 == 0 && scheduler.cancel(doubtful) {
                                cancelled.lock().unwrap().push(doubtful);
                            }
                        }
                    })
                })
                .collect();
            // Strict bins keep some for ever, and the rest of the capacity is enough.
            for producer in producers {
                producer.join().unwrap();
            }
            assert!(scheduler.drain(Some(Duration::from_secs(20))));
        });
        let mut all = delivered.into_inner().unwrap();
        assert_eq!(scheduler.stats().cancelled, cancelled.lock().unwrap().len() as u64);
        all.extend(cancelled.into_inner().unwrap());
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..PRODUCERS * EACH));
    }
}

#[test]
fn edges_and_batch_sizes_change_under_load() {
    let config = Config { max_bins: Some(6), overrun: Overrun::Climb, ..Config::new(8) };
    let scheduler = Scheduler::new(edges(), config).unwrap();
    let account = Mutex::new(Account::default());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| work(&scheduler, &account));
        }
        let changing = scope.spawn(|| {
            let bounds: [&[u32]; 3] = [&[0, 1], &[0, 5, 9, 20, 30, 40, 50], &[0, 16, 32, 64]];
            for round in 0.. {
                let change = Change {
                    edges: Some(Edges::new(bounds[round % 3]).unwrap()),
                    batch_size: Some(1 + round as u32 % 9),
                    ..Change::default()
                };
                scheduler.reconfigure(&change).unwrap();
                if scheduler.is_closed() {
                    break;
                }
            }
        });
        thread::scope(|scope| {
            for producer in 0..PRODUCERS {
                let scheduler = &scheduler;
                scope.spawn(move || produce(scheduler, producer));
            }
        });
        assert!(scheduler.drain(Some(Duration::from_secs(20))));
        changing.join().unwrap();
    });
    check(account);
}

/// A worker whose batches run elsewhere stays until they have ended: what they give back is served.
#[test]
fn a_closed_worker_waits_for_what_its_batches_give_back() {
    let config = Config { overrun: Overrun::Climb, ..Config::new(1) };
    let scheduler = Scheduler::new(Edges::new(&[0, 10, 20]).unwrap(), config).unwrap();
    let worker = scheduler.worker();
    scheduler.submit(7, 0).unwrap();
    scheduler.close();
    let mut progress = Vec::new();
    std::thread::scope(|scope| {
        for batch in worker.batches() {
            progress.push(batch.rows()[0].progress);
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(10));
                let steps = batch.rows()[0].progress + batch.limit().unwrap_or(10);
                if steps < 20 {
                    batch.resubmit(&[(0, steps)], false).unwrap();
                }
                batch.done();
            });
        }
    });
    assert_eq!(progress, [0, 10]);
    assert!(scheduler.drain(Some(Duration::ZERO)));
}

/// Another worker, which gets nothing of these, ends at once.
#[test]
fn a_closed_worker_waits_for_no_lease_of_another() {
    let config = Config { overrun: Overrun::Climb, ..Config::new(1) };
    let scheduler = Scheduler::new(Edges::new(&[0, 10]).unwrap(), config).unwrap();
    scheduler.submit(7, 0).unwrap();
    let _batch = scheduler.worker().next_batch(None).unwrap();
    scheduler.close();
    assert_eq!(scheduler.worker().next_batch_staying(None).err(), Some(NextError::Closed));
}
