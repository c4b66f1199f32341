//! What a request costs in the core, each figure beside its baseline.
//!
//! Every iteration is one batch of 32 requests. `benches/targets.py` turns the medians into ratios.

mod common;
#[path = "../shared/lengths.rs"]
mod lengths;
mod one_thread;
#[path = "../shared/producers.rs"]
mod producers;
mod scale;
mod threads;

use criterion::{Criterion, criterion_group, criterion_main};

criterion_group!(
    name = benches;
    config = Criterion::default().without_plots();
    targets =
        one_thread::rings,
        one_thread::scheduler,
        threads::rings,
        threads::producers,
        scale::bins,
        scale::waiting
);
criterion_main!(benches);
