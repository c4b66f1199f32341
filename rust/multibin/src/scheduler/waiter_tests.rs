//! Which waiter is woken, exactly: on a clock that the test moves, which then ticks as the timer
//! thread does.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::waiters::{ANSWER_BOUND, Tick};
use crate::{Config, Edges, Fill, NextBatch, NextError, Overrun, Scheduler, Worker};

/// A waker that counts its wake-ups.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A future that is polled by hand.
struct Task {
    next: NextBatch,
    wakes: Arc<Counter>,
}

impl Task {
    fn new(worker: &Worker) -> Self {
        Self::within(worker, None)
    }

    fn within(worker: &Worker, timeout: Option<Duration>) -> Self {
        let mut task = Self { next: worker.next_batch_async(timeout), wakes: Arc::default() };
        assert!(task.poll().is_pending());
        task
    }

    fn poll(&mut self) -> Poll<Result<crate::Batch, NextError>> {
        let waker = Waker::from(Arc::clone(&self.wakes));
        Pin::new(&mut self.next).poll(&mut Context::from_waker(&waker))
    }

    fn taken(&mut self) -> Vec<u64> {
        match self.poll() {
            Poll::Ready(Ok(batch)) => batch.rows().iter().map(|row| row.key).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn error(&mut self) -> Option<NextError> {
        match self.poll() {
            Poll::Ready(outcome) => outcome.err(),
            Poll::Pending => None,
        }
    }
}

fn wakes<const N: usize>(tasks: [&Task; N]) -> [usize; N] {
    tasks.map(|task| task.wakes.0.load(Ordering::Relaxed))
}

/// A scheduler and its clock.
struct Stage {
    scheduler: Scheduler,
    clock: Arc<AtomicU64>,
}

impl Stage {
    fn new(config: Config) -> Self {
        let (clock, edges) = (Arc::default(), Edges::new(&[0, 8, 16, 32]).unwrap());
        let scheduler = Scheduler::virtually(Arc::clone(&clock), edges, config).unwrap();
        Self { scheduler, clock }
    }

    fn of(fill: Fill, batch_size: u32) -> Self {
        Self::new(Config { fill, overrun: Overrun::Climb, ..Config::new(batch_size) })
    }

    /// Lets time pass, and ticks.
    fn pass(&self, nanoseconds: u64) {
        let now = self.clock.fetch_add(nanoseconds, Ordering::Relaxed) + nanoseconds;
        self.scheduler.0.tick(now);
    }
}

#[test]
fn a_batch_wakes_the_longest_waiting() {
    let Stage { scheduler, .. } = &Stage::of(Fill::Strict, 3);
    let worker = scheduler.worker();
    let mut tasks = [(); 3].map(|()| Task::new(&worker));
    let expected = [[0, 0, 0], [0, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]];
    for (key, expected) in (0..).zip(expected) {
        scheduler.submit(key, 3).unwrap();
        assert_eq!(wakes(tasks.each_ref()), expected, "after {key}");
    }
    // A worker that gets a batch wakes the next.
    assert_eq!(tasks[0].taken(), [0, 1, 2]);
    assert_eq!(wakes(tasks.each_ref()), [1, 1, 0]);
    assert_eq!(tasks[1].taken(), [3, 4, 5]);
    assert_eq!(wakes(tasks.each_ref()), [1, 1, 0]);
}

#[test]
fn a_dropped_future_takes_no_batch_and_its_wake_up_goes_on() {
    let Stage { scheduler, .. } = &Stage::of(Fill::Elastic, 3);
    let worker = scheduler.worker();
    let [first, mut second, third] = [(); 3].map(|()| Task::new(&worker));
    scheduler.submit(7, 3).unwrap();
    assert_eq!(wakes([&first, &second, &third]), [1, 0, 0]);
    drop(first);
    assert_eq!(wakes([&second, &third]), [1, 0]);
    drop(third);
    assert_eq!(second.taken(), [7]);
    assert_eq!(scheduler.stats().lost, 1, "the batch that `taken` dropped");
}

#[test]
fn a_deadline_passes_to_a_waiter_that_waits_on() {
    let max_wait = Some(Duration::from_secs(3600));
    let stage = Stage::new(Config { fill: Fill::Strict, max_wait, ..Config::new(2) });
    let worker = stage.scheduler.worker();
    let (mut first, mut second) = (Task::new(&worker), Task::new(&worker));
    assert!(!first.next.has_deadline() && !second.next.has_deadline());
    stage.scheduler.submit(7, 3).unwrap();
    assert_eq!(wakes([&first, &second]), [1, 0]);
    assert!(first.poll().is_pending() && first.next.has_deadline());
    assert_eq!(wakes([&second]), [0], "one deadline is enough");
    drop(first);
    assert_eq!(wakes([&second]), [1]);
    assert!(second.poll().is_pending());
    stage.pass(3_599_000_000_000);
    assert_eq!(wakes([&second]), [1]);
    stage.pass(1_000_000_000);
    assert_eq!((wakes([&second]), second.taken()), ([2], vec![7]));
}

#[test]
fn a_wake_up_that_is_not_answered_goes_on() {
    let stage = Stage::of(Fill::Elastic, 1);
    let worker = stage.scheduler.worker();
    let [dead, mut second, third] = [(); 3].map(|()| Task::new(&worker));
    stage.scheduler.submit_many(&[1, 2], &[3, 3]).unwrap();
    stage.pass(ANSWER_BOUND - 1);
    assert_eq!(wakes([&dead, &second, &third]), [1, 0, 0]);
    stage.pass(1);
    assert_eq!(wakes([&dead, &second, &third]), [1, 1, 1]);
    assert_eq!(second.taken(), [1]);
    stage.pass(10 * ANSWER_BOUND);
    assert_eq!(wakes([&dead, &second, &third]), [1, 1, 1], "a late waiter is woken once");
}

/// No waiter is woken instead of a late one if no batch is ready.
#[test]
fn a_late_waiter_wakes_no_other_without_a_batch() {
    let stage = Stage::of(Fill::Elastic, 1);
    let (worker, other) = (stage.scheduler.worker(), stage.scheduler.worker());
    let [dead, alive] = [(); 2].map(|()| Task::new(&worker));
    stage.scheduler.submit(1, 3).unwrap();
    other.next_batch(Some(Duration::ZERO)).unwrap().done();
    stage.pass(ANSWER_BOUND);
    assert_eq!(wakes([&dead, &alive]), [1, 0]);
    stage.scheduler.submit(2, 3).unwrap();
    assert_eq!(wakes([&dead, &alive]), [1, 1], "the notifier is armed again");
}

#[test]
fn not_each_of_many_dead_waiters_costs_the_bound() {
    let stage = Stage::of(Fill::Elastic, 1);
    let worker = stage.scheduler.worker();
    let dead: Vec<_> = (0..1000).map(|_| Task::new(&worker)).collect();
    let mut alive = Task::new(&worker);
    stage.scheduler.submit(7, 3).unwrap();
    let ticks = (0..1000).take_while(|_| wakes([&alive]) == [0]).map(|_| stage.pass(ANSWER_BOUND));
    assert_eq!(ticks.count(), 4);
    assert!(dead.iter().all(|task| wakes([task]) == [1]));
    assert_eq!(alive.taken(), [7]);
}

#[test]
fn a_timeout_wakes_its_future() {
    let stage = Stage::of(Fill::Elastic, 1);
    let worker = stage.scheduler.worker();
    let [mut late, mut later] =
        [1, 2].map(|time| Task::within(&worker, Some(Duration::from_nanos(time))));
    stage.pass(1);
    assert_eq!((wakes([&late, &later]), late.error()), ([1, 0], Some(NextError::Timeout)));
    stage.pass(1);
    assert_eq!((wakes([&late, &later]), later.error()), ([1, 1], Some(NextError::Timeout)));
}

/// The waker of another future panics while a batch is taken: that batch is lost, and counted.
#[test]
fn a_waker_that_panics_costs_no_room() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker of this test");
        }
    }
    let panics = |call: &dyn Fn()| catch_unwind(AssertUnwindSafe(call)).is_err();
    let Stage { scheduler, .. } = &Stage::of(Fill::Elastic, 1);
    let worker = scheduler.worker();
    let mut waiters = [(); 2].map(|()| worker.next_batch_async(None));
    for next in &mut waiters {
        let waker = Waker::from(Arc::new(Panics));
        assert!(Pin::new(next).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert!(panics(&|| assert!(scheduler.submit_many(&[1, 2], &[3, 3]).is_err())));
    assert!(panics(&|| worker.next_batch(None).unwrap().done()));
    drop(waiters);
    worker.next_batch(None).unwrap().done();
    let stats = scheduler.stats();
    assert_eq!((stats.done, stats.lost, stats.leased, stats.waiting), (1, 1, 0, 0));
}
