//! The line for room: waiters are served in the order of their calls.

use std::task::Poll;

use multibin::{Budget, Change, Config, Options, SubmitError};

use crate::common::{self, Task, block_on, keys};
use crate::full::{LOST, NOW, full, refused, scheduler, waiting};

#[test]
fn room_that_is_there_is_taken_at_once() {
    let scheduler = scheduler(4, 2);
    assert_eq!(scheduler.submit_wait(0, 1, &Options::new(), NOW), Ok(0));
    assert_eq!(scheduler.submit_many_wait(&[1, 2], &[1, 15], &[], NOW), Ok(1));
    assert_eq!(Task::new(scheduler.submit_async(3, 1, &Options::new())).poll(), Poll::Ready(Ok(3)));
    assert_eq!(scheduler.submit_many_wait(&[], &[], &[], NOW), Ok(4));
    assert_eq!(scheduler.submit_many_async(&[], &[], &[]).try_now(), Some(Ok(4)));
    assert_eq!(scheduler.submit_wait(4, 1, &Options::new(), NOW), Err(refused(0, None, 4)));
    assert_eq!(scheduler.submit_async(4, 1, &Options::new()).try_now(), None);
    let stats = scheduler.stats();
    assert_eq!((stats.submitted, stats.refused, stats.capacity), (4, 1, 4));
}

#[test]
fn calls_are_served_in_the_order_in_which_they_came() {
    let (scheduler, worker, batch) = full(2);
    let mut tasks: Vec<_> = (10..14).map(|key| waiting(&scheduler, key)).collect();
    assert_eq!(scheduler.submit(99, 1), Err(refused(0, None, 2)), "no call passes those that wait");
    batch.done();
    assert_eq!(tasks.iter().map(Task::wakeups).collect::<Vec<_>>(), [1, 1, 0, 0]);
    assert_eq!(scheduler.submit(99, 1), Err(refused(0, None, 2)));
    let batch = worker.next_batch(LOST).unwrap();
    assert_eq!(keys(&batch), [10, 11], "published before they are polled");
    drop(batch);
    assert_eq!(tasks.iter().map(Task::wakeups).collect::<Vec<_>>(), [1, 1, 1, 1]);
    let tickets: Vec<_> = tasks.iter_mut().map(Task::poll).collect();
    assert_eq!(tickets, [2, 3, 4, 5].map(|ticket| Poll::Ready(Ok(ticket))));
    worker.next_batch(LOST).unwrap().done();
    assert_eq!(scheduler.submit(14, 1), Ok(6), "no call waits any more");
}

#[test]
fn a_bulk_larger_than_the_capacity_is_served_piece_by_piece() {
    let (scheduler, worker, batch) = full(4);
    let bulk: Vec<u64> = (100..140).collect();
    let lengths: Vec<u32> = (0..40).map(|i| i % 20).collect();
    let mut task = Task::waiting(scheduler.submit_many_async(&bulk, &lengths, &[]));
    let mut behind = waiting(&scheduler, 7);
    batch.done();
    let (mut seen, mut tickets) = (Vec::new(), Vec::new());
    while seen.len() < 41 {
        assert!(seen.len() > 36 || scheduler.submit(99, 1).is_err());
        let batch = worker.next_batch(LOST).unwrap();
        seen.extend(keys(&batch));
        tickets.extend(batch.rows().iter().map(|row| (row.ticket, row.key)));
        batch.done();
    }
    assert_eq!(task.poll(), Poll::Ready(Ok(4)));
    assert_eq!(behind.poll(), Poll::Ready(Ok(44)));
    tickets.sort_unstable();
    let expected: Vec<_> = (4..44).zip(bulk).chain([(44, 7)]).collect();
    assert_eq!(tickets, expected);
}

#[test]
fn cancelling_and_losing_make_room_for_waiters() {
    let (scheduler, worker, batch) = full(2);
    let mut tasks = [3, 4].map(|key| waiting(&scheduler, key));
    drop(batch);
    assert_eq!(tasks.each_mut().map(Task::poll), [2, 3].map(|ticket| Poll::Ready(Ok(ticket))));
    let mut next = waiting(&scheduler, 5);
    assert!(scheduler.cancel(2));
    assert_eq!(next.poll(), Poll::Ready(Ok(4)));
    assert_eq!(keys(&worker.next_batch(LOST).unwrap()), [4, 5]);
}

#[test]
fn a_request_that_can_never_be_accepted_is_refused_at_once() {
    let config = Config { capacity: 2, budget: Some(Budget::Padded(16)), ..Config::new(2) };
    let scheduler = common::scheduler(&[0, 10], config);
    scheduler.submit_many(&[0, 1], &[1, 1]).unwrap();
    let costly = scheduler.submit_many_wait(&[2, 3], &[1, 17], &[], None);
    assert!(matches!(costly, Err(SubmitError::Budget { cost: 17, .. })));
    let urgent = Options::new().priority(1);
    assert_eq!(block_on(scheduler.submit_async(2, 1, &urgent)), Err(SubmitError::Priority(1)));
    // A request that waits while the budget is lowered is accepted, and leaves alone.
    let mut task = Task::waiting(scheduler.submit_async(2, 9, &Options::new()));
    scheduler.reconfigure(&Change { budget: Some(4), ..Change::default() }).unwrap();
    let worker = scheduler.worker();
    worker.next_batch(LOST).unwrap().done();
    assert_eq!(task.poll(), Poll::Ready(Ok(2)));
    assert_eq!(keys(&worker.next_batch(LOST).unwrap()), [2]);
}
