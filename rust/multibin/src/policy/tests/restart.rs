//! Climbers that restart as their worker is gone.

use std::time::Duration;

use crate::{Batch, Config, Edges, Overrun, Reason, Scheduler};

/// Ticket 0 restarts behind later ones, some of which leave before it. It is still the oldest, and
/// its bin leads.
#[test]
fn a_request_that_restarts_leads_from_behind() {
    let config = Config { overrun: Overrun::Climb, ..Config::new(3) };
    let scheduler = Scheduler::new(Edges::new(&[0, 10, 20]).unwrap(), config).unwrap();
    let [gone, worker] = [scheduler.worker(), scheduler.worker()];
    scheduler.submit(0, 5).unwrap();
    let first = gone.next_batch(None).unwrap();
    for (key, length) in [(1, 15), (2, 5), (3, 5), (4, 5), (5, 5)] {
        scheduler.submit(key, length).unwrap();
    }
    first.resubmit(&[(0, 1)], false).unwrap();
    gone.close();
    let batches = [0, 1].map(|_| worker.next_batch(Some(Duration::ZERO)).unwrap());
    let keys =
        batches.each_ref().map(|batch| batch.rows().iter().map(|row| row.key).collect::<Vec<_>>());
    assert_eq!(batches.each_ref().map(Batch::reason), [Reason::Full, Reason::LightLoad]);
    assert_eq!(keys, [vec![2, 3, 4], vec![5, 0, 1]]);
    assert_eq!(batches[1].bin(), 0);
}

/// Tickets 0 and 2 of a capacity of 2 share a bucket, and lose their worker together.
#[test]
fn requests_that_share_a_bucket_restart_and_are_found() {
    let config = Config { capacity: 2, overrun: Overrun::Climb, ..Config::new(1) };
    let scheduler = Scheduler::new(Edges::new(&[0, 9]).unwrap(), config).unwrap();
    let worker = scheduler.worker();
    let next = || worker.next_batch(Some(Duration::ZERO)).unwrap();
    let tickets = [0, 1].map(|key| scheduler.submit(key, 5).unwrap());
    let (first, other) = (next(), next());
    other.done();
    let last = scheduler.submit(2, 5).unwrap();
    for batch in [first, next()] {
        batch.resubmit(&[(0, 1)], false).unwrap();
        batch.done();
    }
    worker.close();
    assert!(scheduler.cancel(tickets[0]) && scheduler.cancel(last));
    assert!(!scheduler.cancel(tickets[1]));
}
