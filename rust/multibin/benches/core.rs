//! Per-request cost of the core on one thread, each beside its rival. `benches/bars.py` turns the
//! medians into ratios.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use crossbeam_queue::ArrayQueue;
use multibin::{Config, Edges, Fill, Scheduler, queue};

const BATCH: usize = 32;
const BINS: usize = 16;
/// As large as what a scheduler's ring carries.
type Payload = [u64; 4];

/// Log-normal lengths (median 128, σ = 1), the same every time.
fn lengths(n: usize) -> Vec<u32> {
    let mut state = 1u64;
    let mut uniform = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut normal = || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
    #[expect(clippy::cast_sign_loss, reason = "exp is positive")]
    (0..n).map(|_| (128.0 * normal().exp()).ceil() as u32).collect()
}

fn group<'a>(
    c: &'a mut Criterion,
    name: &str,
) -> BenchmarkGroup<'a, criterion::measurement::WallTime> {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(BATCH as u64));
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    group
}

/// Push a batch and take it.
fn rings(c: &mut Criterion) {
    let mut group = group(c, "ring");
    let rival = ArrayQueue::<Payload>::new(1024);
    group.bench_function("ArrayQueue", |b| {
        b.iter(|| {
            for i in 0..BATCH as u64 {
                let _ = rival.push(black_box([i; 4]));
            }
            for _ in 0..BATCH {
                black_box(rival.pop());
            }
        });
    });
    let (ring, mut drain) = queue::ring::<Payload>(1024);
    group.bench_function("ring", |b| {
        b.iter(|| {
            for i in 0..BATCH as u64 {
                let _ = ring.push(black_box([i; 4]));
            }
            drain.pass(|value| {
                black_box(value);
            });
        });
    });
    group.finish();
}

/// Submit a batch's worth of requests, form a batch and finish it.
fn scheduler(c: &mut Criterion) {
    let mut group = group(c, "scheduler");
    let rival = ArrayQueue::<(u64, u64, Instant)>::new(1024);
    group.bench_function("ArrayQueue + Instant::now", |b| {
        b.iter(|| {
            for i in 0..BATCH as u64 {
                let _ = rival.push(black_box((i, i, Instant::now())));
            }
            for _ in 0..BATCH {
                black_box(rival.pop());
            }
        });
    });
    let lengths = lengths(1 << 16);
    let variants = [
        ("submit + form, elastic, nothing else waits", 0, Fill::Elastic),
        ("submit + form, elastic, 1,024 wait", 1024, Fill::Elastic),
        ("submit + form, strict, 1,024 wait", 1024, Fill::Strict),
    ];
    for (name, waiting, fill) in variants {
        let edges = Edges::quantile(&lengths, BINS).expect("a sample");
        let config = Config { fill, ..Config::new(BATCH as u32) };
        let scheduler = Scheduler::new(edges, config).expect("a configuration");
        let worker = scheduler.worker();
        let mut next = lengths.iter().copied().cycle();
        let mut submit = |n: usize| {
            for (key, length) in (0..n as u64).zip(&mut next) {
                let _ = black_box(scheduler.submit(key, length));
            }
        };
        submit(waiting);
        group.bench_function(name, |b| {
            b.iter(|| {
                submit(BATCH);
                let batch = worker.next_batch(Some(Duration::ZERO)).expect("a batch waits");
                black_box(batch.rows());
                batch.done();
            });
        });
    }
    group.finish();
}

criterion_group!(benches, rings, scheduler);
criterion_main!(benches);
