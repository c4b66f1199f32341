//! Cancellation beside workers that take batches.

use std::sync::Mutex;
use std::thread;

use multibin::{Config, Fill, Scheduler, Ticket};

use crate::account::{BOUNDS, EACH, PRODUCERS, length, run_producers};
use crate::common::{LOST, scheduler, serve};

/// Submits one request, again and again while the scheduler is full.
fn submit(scheduler: &Scheduler, key: u64) -> Ticket {
    loop {
        match scheduler.submit(key, length(key)) {
            Ok(ticket) => return ticket,
            Err(_) => thread::yield_now(),
        }
    }
}

#[test]
fn a_request_is_cancelled_or_delivered_and_never_both() {
    for fill in [Fill::Elastic, Fill::Strict] {
        // Strict bins keep some requests, and the rest of the capacity is enough.
        let scheduler = scheduler(&BOUNDS, Config { fill, capacity: 64, ..Config::new(4) });
        let (delivered, cancelled) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    serve(&scheduler, |batch| {
                        delivered.lock().unwrap().extend(batch.rows().iter().map(|row| row.ticket));
                    });
                });
            }
            run_producers(|_| {
                for key in 0..EACH {
                    let recent = submit(&scheduler, key).saturating_sub(key % 7);
                    if key % 3 == 0 && scheduler.cancel(recent) {
                        cancelled.lock().unwrap().push(recent);
                    }
                }
            });
            assert!(scheduler.drain(Some(LOST)));
        });
        let mut all = delivered.into_inner().unwrap();
        assert_eq!(scheduler.stats().cancelled, cancelled.lock().unwrap().len() as u64);
        all.extend(cancelled.into_inner().unwrap());
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..PRODUCERS * EACH));
    }
}
