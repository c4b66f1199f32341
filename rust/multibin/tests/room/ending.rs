//! Waits that end without room: timeouts, dropped futures, a closed scheduler.

use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use multibin::{Options, SubmitError};

use crate::common::{Task, block_on, keys};
use crate::full::{LOST, NOW, full, refused, waiting};

#[test]
fn a_waiter_that_gives_up_at_the_head_lets_the_next_go_on() {
    let (scheduler, worker, batch) = full(2);
    let head = Task::waiting(scheduler.submit_many_async(&[10; 3], &[1; 3], &[]));
    let mut next = waiting(&scheduler, 11);
    batch.done();
    assert_eq!((head.wakeups(), next.wakeups()), (0, 0), "two of three are accepted");
    drop(head);
    assert_eq!(next.poll(), Poll::Ready(Ok(4)), "what was accepted is cancelled");
    let stats = scheduler.stats();
    assert_eq!((stats.submitted, stats.cancelled, stats.waiting), (5, 2, 1));
    assert_eq!(keys(&worker.next_batch(LOST).unwrap()), [11]);
}

#[test]
fn a_future_that_is_dropped_leaves_nothing_behind() {
    let (scheduler, worker, batch) = full(1);
    drop(scheduler.submit_async(1, 1, &Options::new()));
    let waits = waiting(&scheduler, 2);
    drop(waits);
    let accepted = waiting(&scheduler, 3);
    batch.done();
    assert_eq!(accepted.wakeups(), 1);
    assert_eq!(scheduler.stats().waiting, 1);
    drop(accepted);
    assert_eq!((scheduler.stats().waiting, scheduler.stats().cancelled), (0, 1));
    let mut read = Task::new(scheduler.submit_async(4, 1, &Options::new()));
    assert!(read.poll().is_ready());
    drop(read);
    let batch = worker.next_batch(LOST).unwrap();
    assert_eq!(keys(&batch), [4], "its result was read");
    let taken = waiting(&scheduler, 5);
    batch.done();
    let batch = worker.next_batch(LOST).unwrap();
    drop(taken);
    assert_eq!(keys(&batch), [5], "it was delivered before");
    batch.done();
    assert_eq!(scheduler.stats().done, 3);
    assert!(scheduler.drain(NOW));
}

#[test]
fn closing_ends_every_wait_and_says_what_was_accepted() {
    let (scheduler, worker, batch) = full(2);
    let mut bulk = Task::waiting(scheduler.submit_many_async(&[1; 5], &[1; 5], &[]));
    let mut single = waiting(&scheduler, 2);
    batch.done();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| scheduler.submit_wait(3, 1, &Options::new(), None));
        thread::sleep(Duration::from_millis(20));
        scheduler.close();
        let closed = |accepted, first| Err(SubmitError::Closed { accepted, first });
        assert_eq!(bulk.poll(), Poll::Ready(closed(2, Some(2))));
        assert_eq!(single.poll(), Poll::Ready(closed(0, None)));
        assert_eq!(waiter.join().unwrap(), closed(0, None));
        assert_eq!(scheduler.submit_wait(4, 1, &Options::new(), None), closed(0, None));
        assert_eq!(block_on(scheduler.submit_many_async(&[], &[], &[])), closed(0, None));
    });
    worker.next_batch(LOST).unwrap().done();
    assert!(scheduler.drain(LOST));
    assert_eq!(scheduler.stats().refused, 0);
}

#[test]
fn a_call_that_times_out_says_what_was_accepted() {
    let (scheduler, worker, batch) = full(4);
    let start = Instant::now();
    let wait = Some(Duration::from_millis(30));
    assert_eq!(scheduler.submit_wait(5, 1, &Options::new(), wait), Err(refused(0, None, 4)));
    assert!(start.elapsed() >= Duration::from_millis(30));
    thread::scope(|scope| {
        let wait = Some(Duration::from_millis(200));
        let calling = &scheduler;
        let bulk = scope.spawn(move || calling.submit_many_wait(&[1; 10], &[1; 10], &[], wait));
        thread::sleep(Duration::from_millis(50));
        batch.done();
        assert_eq!(bulk.join().unwrap(), Err(refused(4, Some(4), 4)));
    });
    assert_eq!(scheduler.stats().refused, 7);
    worker.next_batch(LOST).unwrap().done();
    assert_eq!(scheduler.submit(0, 1), Ok(8), "it has left the line");
}
