//! Requests that expire: their room is free at once, for producers and for waiters.

use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use multibin::Options;

use crate::common::{Task, block_on, keys};
use crate::full::{LOST, full, refused, scheduler};

#[test]
fn expired_requests_hold_no_room() {
    let (scheduler, worker, batch) = full(4);
    batch.done();
    let running = {
        scheduler.submit_many(&[0, 1], &[1; 2]).unwrap();
        worker.next_batch(LOST).unwrap()
    };
    let ttl = Options::new().ttl(Duration::from_millis(5));
    scheduler.submit_many_with(&[2, 3], &[1; 2], &[ttl; 2]).unwrap();
    assert!(scheduler.submit(4, 1).is_err());
    thread::sleep(Duration::from_millis(20));
    assert_eq!(scheduler.submit_many(&[4, 5], &[1; 2]), Ok(8), "the room of expired requests");
    assert_eq!(scheduler.submit(6, 1), Err(refused(0, None, 4)));
    let expired: Vec<_> = scheduler.expired().iter().map(|gone| (gone.key, gone.ticket)).collect();
    assert_eq!(expired, [(2, 6), (3, 7)]);
    assert!(scheduler.expired().is_empty(), "each is reported once");
    assert_eq!(scheduler.stats().expired, 2);
    running.done();
    let batch = worker.next_batch(LOST).unwrap();
    assert_eq!((keys(&batch), batch.expired().len()), (vec![4, 5], 0));
}

#[test]
fn a_batch_reports_expired_requests() {
    let scheduler = scheduler(1, 1);
    let ttl = Options::new().ttl(Duration::from_millis(1));
    scheduler.submit_with(1, 1, &ttl).unwrap();
    thread::sleep(Duration::from_millis(5));
    scheduler.submit(2, 1).unwrap();
    let batch = scheduler.worker().next_batch(LOST).unwrap();
    assert_eq!((keys(&batch), batch.expired()[0].key), (vec![2], 1));
}

/// No worker and no other producer calls: waiters get the room of expired requests all the same.
#[test]
fn waiters_get_the_room_of_expired_requests() {
    let scheduler = scheduler(2, 2);
    let ttl = |millis| Options::new().ttl(Duration::from_millis(millis));
    scheduler.submit_many_with(&[1, 2], &[1; 2], &[ttl(30), ttl(60)]).unwrap();
    let start = Instant::now();
    assert_eq!(scheduler.submit_wait(3, 1, &ttl(40), LOST), Ok(2));
    assert!(start.elapsed() >= Duration::from_millis(25));
    assert_eq!(block_on(scheduler.submit_async(4, 1, &Options::new())), Ok(3));
    assert_eq!(block_on(scheduler.submit_async(5, 1, &Options::new())), Ok(4));
    let keys: Vec<_> = scheduler.expired().iter().map(|gone| gone.key).collect();
    assert_eq!(keys, [1, 3, 2]);
}

/// A time to live counts from the call, not from when the request is accepted.
#[test]
fn waiting_for_room_counts_towards_the_time_to_live() {
    let (scheduler, worker, batch) = full(1);
    let ttl = Options::new().ttl(Duration::from_millis(10));
    let mut task = Task::waiting(scheduler.submit_async(7, 1, &ttl));
    thread::sleep(Duration::from_millis(20));
    batch.done();
    assert_eq!(task.poll(), Poll::Ready(Ok(1)));
    let batch = worker.next_batch(LOST).unwrap();
    assert_eq!((batch.rows().len(), batch.expired()[0].key), (0, 7));
}

#[test]
fn a_bulk_call_gets_the_room_of_all_expired_requests() {
    let scheduler = scheduler(10_000, 1);
    let ttl = Options::new().ttl(Duration::from_millis(1));
    let (keys, lengths) = (vec![0; 10_000], vec![1; 10_000]);
    scheduler.submit_many_with(&keys, &lengths, &vec![ttl; 10_000]).unwrap();
    thread::sleep(Duration::from_millis(5));
    assert_eq!(scheduler.submit_many(&keys, &lengths), Ok(10_000));
    let stats = scheduler.stats();
    assert_eq!((stats.expired, stats.waiting, stats.refused), (10_000, 10_000, 0));
}

/// No worker takes batches: requests expire all the same.
#[test]
fn draining_ends_when_the_last_request_expires() {
    let ttl = Options::new().ttl(Duration::from_millis(20));
    for waits in [false, true] {
        let scheduler = scheduler(4, 2);
        scheduler.submit_with(1, 1, &ttl).unwrap();
        let drained =
            if waits { scheduler.drain(LOST) } else { block_on(scheduler.drain_async(LOST)) };
        assert!(drained);
        assert_eq!(scheduler.expired().len(), 1);
    }
}
