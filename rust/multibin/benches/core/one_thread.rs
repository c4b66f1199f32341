//! The ring and the scheduler without contention.

use std::hint::black_box;
use std::time::Instant;

use criterion::Criterion;
use crossbeam_queue::ArrayQueue;
use multibin::{Fill, ring};

use crate::common::{BATCH, BINS, OneThread, Payload, group};

/// Pushes a batch and takes it.
pub fn rings(c: &mut Criterion) {
    let mut group = group(c, "ring", 2);
    let baseline = ArrayQueue::<Payload>::new(1024);
    group.bench_function("ArrayQueue", |b| {
        b.iter(|| {
            for i in 0..BATCH as u64 {
                let _ = baseline.push(black_box([i; 4]));
            }
            for _ in 0..BATCH {
                black_box(baseline.pop());
            }
        });
    });
    let (ring, mut consumer) = ring::ring::<Payload>(1024);
    group.bench_function("ring", |b| {
        b.iter(|| {
            for i in 0..BATCH as u64 {
                let _ = ring.push(black_box([i; 4]));
            }
            consumer.pass(|value| {
                black_box(value);
            });
        });
    });
    group.finish();
}

/// Submits a batch's worth of requests, forms a batch and finishes it.
pub fn scheduler(c: &mut Criterion) {
    let mut group = group(c, "scheduler", 2);
    let baseline = ArrayQueue::<(u64, u64, Instant)>::new(1024);
    group.bench_function("ArrayQueue + Instant::now", |b| {
        b.iter(|| {
            for i in 0..BATCH as u64 {
                let _ = baseline.push(black_box((i, i, Instant::now())));
            }
            for _ in 0..BATCH {
                black_box(baseline.pop());
            }
        });
    });
    let variants = [
        ("submit + form, elastic, nothing else waits", 0, Fill::Elastic),
        ("submit + form, elastic, 1,024 wait", 1024, Fill::Elastic),
        ("submit + form, strict, 1,024 wait", 1024, Fill::Strict),
    ];
    for (name, waiting, fill) in variants {
        let mut scheduler = OneThread::new(BINS, fill, waiting);
        group.bench_function(name, |b| b.iter(|| scheduler.submit_and_form()));
    }
    let mut scheduler = OneThread::with(4, BINS, Fill::Elastic, 1024);
    let name = "submit + form, priorities, 1,024 wait";
    group.bench_function(name, |b| b.iter(|| scheduler.submit_and_form()));
    let mut scheduler = OneThread::new(2 * BINS, Fill::Elastic, 0);
    let name = "submit + form, elastic, 32 bins, nothing else waits";
    group.bench_function(name, |b| b.iter(|| scheduler.submit_and_form()));
    let mut scheduler = OneThread::in_batches_of(8);
    let name = "submit + form, elastic, batches of 8, nothing else waits";
    group.bench_function(name, |b| b.iter(|| scheduler.submit_and_form()));
    let variants = [
        ("submit + form, costs, nothing else waits", 0),
        ("submit + form, costs, 1,024 wait", 1024),
    ];
    for (name, waiting) in variants {
        let mut scheduler = OneThread::measured(waiting);
        group.bench_function(name, |b| b.iter(|| scheduler.submit_and_form()));
    }
    group.finish();
}
