//! Room that is waited for: order, accounts, timeouts, futures that are dropped, and the end.
#![cfg(not(loom))]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use multibin::{
    Batch, Budget, Change, Config, Edges, Fill, Options, Scheduler, Submit, SubmitError, Ticket,
    Worker,
};

/// Longer than any wait that is woken.
const LOST: Option<Duration> = Some(Duration::from_secs(20));
const NOW: Option<Duration> = Some(Duration::ZERO);

fn scheduler(capacity: usize, batch_size: u32) -> Scheduler {
    let config = Config { capacity, ..Config::new(batch_size) };
    Scheduler::new(Edges::new(&[0, 10, 20]).unwrap(), config).unwrap()
}

/// A scheduler of which all room is leased, the worker, and the lease.
fn full(capacity: u32) -> (Scheduler, Worker, Batch) {
    let scheduler = scheduler(capacity as usize, capacity);
    let worker = scheduler.worker();
    let keys: Vec<u64> = (0..u64::from(capacity)).collect();
    scheduler.submit_many(&keys, &vec![1; keys.len()]).unwrap();
    let batch = worker.next_batch(LOST).unwrap();
    assert_eq!(batch.rows().len(), keys.len());
    (scheduler, worker, batch)
}

fn refused(accepted: usize, first: Option<Ticket>, capacity: usize) -> SubmitError {
    SubmitError::Full { capacity, accepted, first }
}

fn keys(batch: &Batch) -> Vec<u64> {
    batch.rows().iter().map(|row| row.key).collect()
}

/// Counts wake-ups.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A future that is polled by hand.
struct Task {
    submit: Submit,
    bell: Arc<Bell>,
}

impl Task {
    fn new(submit: Submit) -> Self {
        Self { submit, bell: Arc::default() }
    }

    fn queued(submit: Submit) -> Self {
        let mut task = Self::new(submit);
        assert!(task.poll().is_pending());
        task
    }

    fn poll(&mut self) -> Poll<Result<Ticket, SubmitError>> {
        let waker = Waker::from(Arc::clone(&self.bell));
        Pin::new(&mut self.submit).poll(&mut Context::from_waker(&waker))
    }

    fn rings(&self) -> usize {
        self.bell.0.load(Ordering::SeqCst)
    }
}

/// A trivial executor: parks the thread.
fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match Pin::new(&mut future).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

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
    let mut tasks: Vec<Task> =
        (10..14).map(|key| Task::queued(scheduler.submit_async(key, 1, &Options::new()))).collect();
    assert_eq!(scheduler.submit(99, 1), Err(refused(0, None, 2)), "nothing passes those that wait");
    batch.done();
    assert_eq!(tasks.iter().map(Task::rings).collect::<Vec<_>>(), [1, 1, 0, 0]);
    assert_eq!(scheduler.submit(99, 1), Err(refused(0, None, 2)));
    let batch = worker.next_batch(LOST).unwrap();
    assert_eq!(keys(&batch), [10, 11], "published before they are polled");
    drop(batch);
    assert_eq!(tasks.iter().map(Task::rings).collect::<Vec<_>>(), [1, 1, 1, 1]);
    let tickets: Vec<_> = tasks.iter_mut().map(Task::poll).collect();
    assert_eq!(tickets, [2, 3, 4, 5].map(|ticket| Poll::Ready(Ok(ticket))));
    worker.next_batch(LOST).unwrap().done();
    assert_eq!(scheduler.submit(14, 1), Ok(6), "no call is queued any more");
}

#[test]
fn a_bulk_larger_than_the_capacity_is_served_piece_by_piece() {
    let (scheduler, worker, batch) = full(4);
    let keys_of = |range: std::ops::Range<u64>| range.collect::<Vec<_>>();
    let bulk = keys_of(100..140);
    let lengths: Vec<u32> = (0..40).map(|i| i % 20).collect();
    let mut task = Task::queued(scheduler.submit_many_async(&bulk, &lengths, &[]));
    let mut behind = Task::queued(scheduler.submit_async(7, 1, &Options::new()));
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
    assert_eq!(scheduler.submit(0, 1), Ok(8), "it has left the queue");
}

#[test]
fn who_gives_up_at_the_head_lets_those_behind_go_on() {
    let (scheduler, worker, batch) = full(2);
    let head = Task::queued(scheduler.submit_many_async(&[10; 3], &[1; 3], &[]));
    let mut next = Task::queued(scheduler.submit_async(11, 1, &Options::new()));
    batch.done();
    assert_eq!((head.rings(), next.rings()), (0, 0), "two of three are accepted");
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
    let queued = Task::queued(scheduler.submit_async(2, 1, &Options::new()));
    drop(queued);
    let accepted = Task::queued(scheduler.submit_async(3, 1, &Options::new()));
    batch.done();
    assert_eq!(accepted.rings(), 1);
    assert_eq!(scheduler.stats().waiting, 1);
    drop(accepted);
    assert_eq!((scheduler.stats().waiting, scheduler.stats().cancelled), (0, 1));
    let mut read = Task::new(scheduler.submit_async(4, 1, &Options::new()));
    assert!(read.poll().is_ready());
    drop(read);
    let batch = worker.next_batch(LOST).unwrap();
    assert_eq!(keys(&batch), [4], "its result was read");
    let taken = Task::queued(scheduler.submit_async(5, 1, &Options::new()));
    batch.done();
    let batch = worker.next_batch(LOST).unwrap();
    drop(taken);
    assert_eq!(keys(&batch), [5], "it does not wait any more");
    batch.done();
    assert_eq!(scheduler.stats().done, 3);
    assert!(scheduler.drain(NOW));
}

#[test]
fn closing_ends_every_wait_and_says_what_was_accepted() {
    let (scheduler, worker, batch) = full(2);
    let mut bulk = Task::queued(scheduler.submit_many_async(&[1; 5], &[1; 5], &[]));
    let mut single = Task::queued(scheduler.submit_async(2, 1, &Options::new()));
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
fn cancelling_and_losing_make_room_for_those_that_wait() {
    let (scheduler, worker, batch) = full(2);
    let mut tasks = [3, 4].map(|key| Task::queued(scheduler.submit_async(key, 1, &Options::new())));
    drop(batch);
    assert_eq!(tasks.each_mut().map(Task::poll), [2, 3].map(|ticket| Poll::Ready(Ok(ticket))));
    let mut next = Task::queued(scheduler.submit_async(5, 1, &Options::new()));
    assert!(scheduler.cancel(2));
    assert_eq!(next.poll(), Poll::Ready(Ok(4)));
    assert_eq!(keys(&worker.next_batch(LOST).unwrap()), [4, 5]);
}

#[test]
fn what_cannot_be_accepted_is_refused_before_it_waits() {
    let config = Config { capacity: 2, budget: Some(Budget::Padded(16)), ..Config::new(2) };
    let scheduler = Scheduler::new(Edges::new(&[0, 10]).unwrap(), config).unwrap();
    scheduler.submit_many(&[0, 1], &[1, 1]).unwrap();
    let dear = scheduler.submit_many_wait(&[2, 3], &[1, 17], &[], None);
    assert!(matches!(dear, Err(SubmitError::Budget { cost: 17, .. })));
    let urgent = Options::new().priority(1);
    assert_eq!(block_on(scheduler.submit_async(2, 1, &urgent)), Err(SubmitError::Priority(1)));
    // One that waits when the budget is lowered is accepted, and leaves alone.
    let mut task = Task::queued(scheduler.submit_async(2, 9, &Options::new()));
    scheduler.reconfigure(&Change { budget: Some(4), ..Change::default() }).unwrap();
    let worker = scheduler.worker();
    worker.next_batch(LOST).unwrap().done();
    assert_eq!(task.poll(), Poll::Ready(Ok(2)));
    assert_eq!(keys(&worker.next_batch(LOST).unwrap()), [2]);
}

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
    assert_eq!(scheduler.submit_many(&[4, 5], &[1; 2]), Ok(8), "room of the expired");
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
fn a_batch_reports_what_expired_for_a_producer() {
    let scheduler = scheduler(1, 1);
    let ttl = Options::new().ttl(Duration::from_millis(1));
    scheduler.submit_with(1, 1, &ttl).unwrap();
    thread::sleep(Duration::from_millis(5));
    scheduler.submit(2, 1).unwrap();
    let batch = scheduler.worker().next_batch(LOST).unwrap();
    assert_eq!((keys(&batch), batch.expired()[0].key), (vec![2], 1));
}

/// No worker asks and no producer comes: the room of what expires goes to those that wait.
#[test]
fn waiters_get_the_room_of_what_expires() {
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

/// A time to live counts from the call, not from when there is room.
#[test]
fn waiting_for_room_takes_from_the_time_to_live() {
    let (scheduler, worker, batch) = full(1);
    let ttl = Options::new().ttl(Duration::from_millis(10));
    let mut task = Task::queued(scheduler.submit_async(7, 1, &ttl));
    thread::sleep(Duration::from_millis(20));
    batch.done();
    assert_eq!(task.poll(), Poll::Ready(Ok(1)));
    let batch = worker.next_batch(LOST).unwrap();
    assert_eq!((batch.rows().len(), batch.expired()[0].key), (0, 7));
}

/// Threads and futures, single calls and bulks of ten times the capacity: each accepted ticket is
/// delivered once, and none of them hangs.
#[test]
fn every_accepted_ticket_is_delivered_once() {
    const PRODUCERS: u64 = 6;
    const ROUNDS: u64 = 150;
    for capacity in [1, 3, 8] {
        let config = Config { capacity, fill: Fill::Elastic, ..Config::new(1) };
        let scheduler = Scheduler::new(Edges::new(&[0, 10, 20]).unwrap(), config).unwrap();
        let (mut accepted, mut delivered) = thread::scope(|scope| {
            let workers: Vec<_> = (0..2).map(|_| scope.spawn(|| work(&scheduler))).collect();
            let producers: Vec<_> = (0..PRODUCERS)
                .map(|producer| {
                    let scheduler = &scheduler;
                    scope.spawn(move || produce(scheduler, producer, ROUNDS, capacity))
                })
                .collect();
            let accepted: Vec<_> =
                producers.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
            scheduler.close();
            let delivered: Vec<_> =
                workers.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
            (accepted, delivered)
        });
        accepted.sort_unstable();
        delivered.sort_unstable();
        assert_eq!(
            accepted.len(),
            accepted.iter().collect::<std::collections::BTreeSet<_>>().len()
        );
        let missing = accepted.iter().find(|ticket| delivered.binary_search(ticket).is_err());
        assert_eq!(missing, None);
        let stats = scheduler.stats();
        assert_eq!(delivered.len() as u64 + stats.cancelled, stats.submitted);
        assert_eq!((stats.waiting, stats.leased), (0, 0));
        assert!(scheduler.drain(NOW));
    }
}

fn work(scheduler: &Scheduler) -> Vec<Ticket> {
    let (worker, mut delivered) = (scheduler.worker(), Vec::new());
    while let Ok(batch) = worker.next_batch(LOST) {
        delivered.extend(batch.rows().iter().map(|row| row.ticket));
        batch.done();
    }
    delivered
}

/// The tickets that were accepted and not cancelled.
fn produce(scheduler: &Scheduler, producer: u64, rounds: u64, capacity: usize) -> Vec<Ticket> {
    let mut accepted = Vec::new();
    let mut note = |outcome: Result<Ticket, SubmitError>, rows: usize| match outcome {
        Ok(first) => accepted.extend(first..first + rows as u64),
        Err(SubmitError::Full { accepted: rows, first, .. }) => {
            accepted.extend(first.into_iter().flat_map(|first| first..first + rows as u64));
        }
        Err(error) => panic!("{error}"),
    };
    let bulk = 10 * capacity;
    let (keys, lengths) = (vec![producer; bulk], vec![15; bulk]);
    for round in 0..rounds {
        let options = Options::new();
        let short = Some(Duration::from_micros(50));
        match (round + producer) % 7 {
            0 => note(scheduler.submit_many_wait(&keys, &lengths, &[], LOST), bulk),
            1 => note(block_on(scheduler.submit_many_async(&keys, &lengths, &[])), bulk),
            2 => note(block_on(scheduler.submit_async(producer, 1, &options)), 1),
            3 => note(scheduler.submit_many_wait(&keys, &lengths, &[], short), bulk),
            4 => note(scheduler.submit(producer, 1), 1),
            5 => {
                let mut task = Task::new(scheduler.submit_many_async(&keys, &lengths, &[]));
                if let Poll::Ready(outcome) = task.poll() {
                    note(outcome, bulk);
                }
            }
            _ => note(scheduler.submit_wait(producer, 1, &options, LOST), 1),
        }
    }
    accepted
}

#[test]
fn a_bulk_call_gets_the_room_of_all_that_expired() {
    let scheduler = scheduler(10_000, 1);
    let ttl = Options::new().ttl(Duration::from_millis(1));
    let (keys, lengths) = (vec![0; 10_000], vec![1; 10_000]);
    scheduler.submit_many_with(&keys, &lengths, &vec![ttl; 10_000]).unwrap();
    thread::sleep(Duration::from_millis(5));
    assert_eq!(scheduler.submit_many(&keys, &lengths), Ok(10_000));
    let stats = scheduler.stats();
    assert_eq!((stats.expired, stats.waiting, stats.refused), (10_000, 10_000, 0));
}

/// No worker asks: what expires is gone all the same.
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
