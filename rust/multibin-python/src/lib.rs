//! Python bindings of multibin: they convert, detach and raise. One file per class.

// PyO3 hands arguments over by value.
#![allow(clippy::needless_pass_by_value)]

mod adapt;
mod arrays;
mod awaiting;
mod baseline;
mod batch;
mod calls;
mod config;
mod convert;
mod costs;
mod edges;
mod errors;
mod event_loop;
mod futures;
mod gate;
mod hooks;
mod many;
mod named;
mod scheduler;
mod shared;
mod show;
mod simulate;
mod stats;
mod wait;
mod words;
mod worker;

/// The scheduler, in Rust.
#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use crate::{
        adapt::Adapt, awaiting::Awaitable, baseline::Baseline, batch::Batch,
        config::SchedulerConfig, edges::Edges, gate::Gate, scheduler::Scheduler,
        simulate::simulate, worker::Worker,
    };
}
