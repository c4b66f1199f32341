//! Several producers and workers at once: no request is lost or delivered twice.

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use multibin::{Change, Config, Edges, Fill, Overrun, Scheduler};

use crate::account::{
    Account, BOUNDS, EACH, PRODUCERS, WORKERS, length, produce, run_producers, work,
};
use crate::common::{LOST, scheduler};

fn stress(config: Config) {
    let scheduler = scheduler(&BOUNDS, config);
    let account = Mutex::new(Account::default());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| work(&scheduler, &account));
        }
        run_producers(|producer| produce(&scheduler, producer));
        scheduler.close();
    });
    // A climber whose worker ended first waits in the shared queues; one more worker takes it.
    work(&scheduler, &account);
    account.into_inner().unwrap().check();
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
fn strict_threads_without_any_timeout_end() {
    for round in 0..30 {
        let overrun = if round % 2 == 0 { Overrun::Climb } else { Overrun::Finish };
        let scheduler =
            scheduler(&BOUNDS, Config { fill: Fill::Strict, overrun, ..Config::new(4) });
        let account = Mutex::new(Account::default());
        thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    let worker = scheduler.worker();
                    while let Ok(batch) = worker.next_batch(None) {
                        account.lock().unwrap().take(&batch);
                    }
                });
            }
            run_producers(|producer| {
                for key in producer * 500..(producer + 1) * 500 {
                    scheduler.submit(key, length(key)).unwrap();
                }
            });
            wait_for_full_bins(&scheduler);
            scheduler.close();
        });
        work(&scheduler, &account);
        assert_eq!(account.into_inner().unwrap().delivered.len() as u64, PRODUCERS * 500);
    }
}

/// Waits until every full bin of a strict scheduler has left, although no request is submitted.
fn wait_for_full_bins(scheduler: &Scheduler) {
    // At most 3 requests a bin stay, and as many climbers a bin of each worker.
    let rest = (4 * 3 + 3 * 4 * 3) as u64;
    while scheduler.stats().waiting > rest {
        thread::yield_now();
    }
}

#[test]
fn edges_and_batch_sizes_change_under_load() {
    let config = Config { max_bins: Some(6), overrun: Overrun::Climb, ..Config::new(8) };
    let scheduler = scheduler(&BOUNDS, config);
    let account = Mutex::new(Account::default());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| work(&scheduler, &account));
        }
        let reconfiguring = scope.spawn(|| reconfigure_until_closed(&scheduler));
        run_producers(|producer| produce(&scheduler, producer));
        assert!(scheduler.drain(Some(LOST)));
        reconfiguring.join().unwrap();
    });
    account.into_inner().unwrap().check();
}

fn reconfigure_until_closed(scheduler: &Scheduler) {
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
}
