//! Producers and a consumer on threads of their own. A thread whose call fails yields.

use std::hint::black_box;
use std::thread::{scope, yield_now};
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode};
use crossbeam_queue::ArrayQueue;
use multibin::ring;

use crate::common::{BATCH, BINS, Payload, group};
use crate::producers::Producers;

/// Returns a group with samples of equal size, so that each includes as many starts of threads.
fn flat<'a>(c: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = group(c, name, 3);
    group.sampling_mode(SamplingMode::Flat).sample_size(30);
    group
}

/// Returns how long `count` values take from one thread to another.
fn hand_over(
    count: u64,
    push: impl Fn(Payload) -> bool + Sync,
    mut take: impl FnMut() -> u64,
) -> Duration {
    let start = Instant::now();
    scope(|scope| {
        scope.spawn(|| {
            for i in 0..count {
                while !push([i; 4]) {
                    yield_now();
                }
            }
        });
        let mut taken = 0;
        while taken < count {
            match take() {
                0 => yield_now(),
                some => taken += some,
            }
        }
    });
    start.elapsed()
}

/// Moves values from one producer to one consumer.
pub fn rings(c: &mut Criterion) {
    let mut group = flat(c, "ring, two threads");
    let baseline = ArrayQueue::<Payload>::new(1024);
    group.bench_function("ArrayQueue", |b| {
        b.iter_custom(|batches| {
            let count = batches * BATCH as u64;
            let take = || u64::from(baseline.pop().map(black_box).is_some());
            hand_over(count, |value| baseline.push(value).is_ok(), take)
        });
    });
    let (ring, mut consumer) = ring::ring::<Payload>(1024);
    group.bench_function("ring", |b| {
        b.iter_custom(|batches| {
            let take = || {
                let mut taken = 0;
                consumer.pass(|value| {
                    black_box(value);
                    taken += 1;
                });
                taken
            };
            hand_over(batches * BATCH as u64, |value| ring.push(value).is_ok(), take)
        });
    });
    group.finish();
}

/// Submits to one scheduler from several producers; one worker takes the batches.
pub fn producers(c: &mut Criterion) {
    let mut group = flat(c, "producers");
    let lengths = crate::lengths::lengths(1 << 16);
    for producers in [1, 4] {
        let bench = Producers::new(&lengths, BINS, BATCH as u32);
        group.bench_function(producers.to_string(), |b| {
            b.iter_custom(|batches| bench.run(producers, batches * BATCH as u64));
        });
    }
    group.finish();
}
