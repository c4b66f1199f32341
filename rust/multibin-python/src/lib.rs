//! Python bindings of multibin: they convert, detach and raise. One file for each class.

// Arguments are Python's keyword arguments.
#![allow(clippy::too_many_arguments)]
// PyO3 passes them by value.
#![allow(clippy::needless_pass_by_value)]
// The doc comments of classes are docstrings: Python's words in Python's markup.
#![allow(clippy::doc_markdown, clippy::doc_link_with_quotes)]

mod adapt;
mod asyncio;
mod baseline;
mod batch;
mod bins;
mod config;
mod convert;
mod costs;
mod edges;
mod future;
mod gate;
mod inbox;
mod interpreter;
mod recording;
mod requests;
mod scheduler;
mod shared;
mod simulate;
mod stats;
mod worker;

/// The scheduler, in Rust.
#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use crate::{
        adapt::Adapt, asyncio::awaitable::Awaitable, baseline::Baseline, batch::Batch, bins::bins,
        config::SchedulerConfig, edges::Edges, future::class::Future, future::coroutine::Call,
        future::turn::Turn, gate::Gate, inbox::caller::Caller, inbox::class::Inbox,
        inbox::limit::Limit, inbox::rows::Rows, recording::Recording, recording::flush_recordings,
        recording::recording, scheduler::Scheduler, simulate::simulate, worker::Worker,
    };
}
