//! What all benches of the core share.

use std::sync::Arc;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use multibin::costs::BatchTimes;
use multibin::{Config, Edges, Fill, Options, Scheduler, Worker};

use crate::lengths::lengths;

pub const BATCH: usize = 32;
pub const BINS: usize = 16;
/// As large as what the ring of a bin carries.
pub type Payload = [u64; 4];

/// Returns a group whose iterations are batches and whose benches take so many seconds.
pub fn group<'a>(c: &'a mut Criterion, name: &str, seconds: u64) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(BATCH as u64));
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(seconds));
    group
}

/// A scheduler whose producer and worker are one thread.
pub struct OneThread {
    scheduler: Scheduler,
    worker: Worker,
    lengths: std::iter::Cycle<std::vec::IntoIter<u32>>,
    /// The number of priorities that take turns; 0: requests have no options.
    priorities: u32,
    /// Rows that were submitted and not taken beyond those that wait at the start.
    more: isize,
}

impl OneThread {
    /// Creates one with so many bins of equal mass, in which so many requests wait.
    pub fn new(bins: usize, fill: Fill, waiting: usize) -> Self {
        Self::with(0, bins, fill, waiting)
    }

    /// Creates one that cuts batches by measured costs, of 32 bins.
    pub fn measured(waiting: usize) -> Self {
        let config = Config { costs: Some(costs()), ..Config::new(BATCH as u32) };
        Self::of(0, 2 * BINS, config, waiting)
    }

    /// Creates one whose requests have so many priorities, which age.
    pub fn with(priorities: u32, bins: usize, fill: Fill, waiting: usize) -> Self {
        let ageing = (priorities > 0).then_some(1e-9);
        Self::of(priorities, bins, Config { fill, ageing, ..Config::new(BATCH as u32) }, waiting)
    }

    fn of(priorities: u32, bins: usize, config: Config, waiting: usize) -> Self {
        let lengths = lengths(1 << 16);
        let edges = if bins == 1 { Edges::new(&[0, 1]) } else { Edges::quantile(&lengths, bins) };
        let capacity = (waiting + BATCH).max(1 << 16);
        let config = Config { capacity, ..config };
        let edges = edges.expect("a sample");
        assert_eq!(edges.bins(), bins);
        let scheduler = Scheduler::new(edges, config).expect("a configuration");
        let worker = scheduler.worker();
        let lengths = lengths.into_iter().cycle();
        let mut this = Self { scheduler, worker, lengths, priorities, more: 0 };
        this.submit(waiting);
        this
    }

    fn submit(&mut self, n: usize) {
        for (key, length) in (0..n as u64).zip(&mut self.lengths) {
            let submitted = match self.priorities {
                0 => self.scheduler.submit(key, length),
                priorities => {
                    let priority = key as u32 % priorities;
                    self.scheduler.submit_with(key, length, &Options::new().priority(priority))
                }
            };
            std::hint::black_box(submitted).expect("there is room");
        }
    }

    /// Submits a batch's worth of requests, forms a batch and finishes it. If batches are smaller,
    /// forms more of them.
    pub fn submit_and_form(&mut self) {
        self.submit(BATCH);
        self.more += BATCH.cast_signed();
        while self.more > 0 {
            let batch = self.worker.next_batch(Some(Duration::ZERO)).expect("a batch waits");
            self.more -= std::hint::black_box(batch.rows()).len().cast_signed();
            batch.done();
        }
    }
}

/// Returns seconds by which the best batches have fewer rows the longer they are.
fn costs() -> Arc<BatchTimes> {
    let (rows, lengths) = (vec![1, BATCH as u32], (0..=512).map(|step| 8 * step).collect());
    let seconds = |rows: f64| (0..=512).map(move |step| 0.004 + 4e-5 * f64::from(step) * rows);
    let seconds = seconds(1.0).chain(seconds(BATCH as f64)).collect();
    Arc::new(BatchTimes::new(rows, lengths, seconds, BATCH as u32).expect("a grid"))
}
