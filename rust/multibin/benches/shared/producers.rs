//! One scheduler with several producers and one worker.

use std::hint::black_box;
use std::thread::{scope, yield_now};
use std::time::{Duration, Instant};

use multibin::{Config, Edges, Scheduler, Worker};

pub struct Producers<'a> {
    lengths: &'a [u32],
    scheduler: Scheduler,
    worker: Worker,
}

impl<'a> Producers<'a> {
    /// Creates an elastic scheduler with bins of equal mass.
    pub fn new(lengths: &'a [u32], bins: usize, batch_size: u32) -> Self {
        let edges = Edges::quantile(lengths, bins).expect("a sample");
        let scheduler = Scheduler::new(edges, Config::new(batch_size)).expect("a configuration");
        let worker = scheduler.worker();
        Self { lengths, scheduler, worker }
    }

    /// Returns how long it takes to submit and finish `count` requests of so many producers.
    pub fn run(&self, producers: usize, count: u64) -> Duration {
        let start = Instant::now();
        scope(|scope| {
            for producer in 0..producers as u64 {
                let share = (producer..count).step_by(producers);
                scope.spawn(|| self.produce(share));
            }
            let mut taken = 0;
            while taken < count {
                let batch = self.worker.next_batch(None).expect("requests are left");
                taken += black_box(batch.rows()).len() as u64;
                batch.done();
            }
        });
        start.elapsed()
    }

    fn produce(&self, keys: impl Iterator<Item = u64>) {
        for key in keys {
            let length = self.lengths[key as usize % self.lengths.len()];
            while self.scheduler.submit(key, length).is_err() {
                yield_now();
            }
        }
    }
}
