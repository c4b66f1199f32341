//! **multibin** forms batches whose requests finish together.
//!
//! Requests of similar predicted length wait in the same bin. Every batch is formed from one bin or
//! the nearest ones (Multi-Bin Batching, arXiv 2412.04504).
//!
//! ```
//! use multibin::{Config, Edges, Scheduler};
//!
//! let edges = Edges::new(&[0, 32, 64, 128])?;
//! let scheduler = Scheduler::new(edges, Config::new(8))?;
//! scheduler.submit(7, 40)?; // any number of threads
//! let batch = scheduler.worker().next_batch(None)?;
//! assert_eq!((batch.rows()[0].key, batch.bin()), (7, 1));
//! batch.done();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The way of a request:
//!
//! 1. [`Scheduler::submit`] finds the bin of its length ([`Edges`]) and publishes it in that bin's
//!    [`ring`].
//! 2. A worker that asks for a batch collects it from the ring into the bin's queue, under the
//!    forming lock.
//! 3. [`Worker::next_batch`] returns it in a [`Batch`].
//! 4. [`Batch::done`] ends its lease. If it is longer than the batch's limit, [`Batch::resubmit`]
//!    lets it climb: it enters a higher bin.

mod adapt;
mod config;
pub mod costs;
pub mod edges;
mod fork;
mod policy;
pub mod record;
#[cfg(all(test, not(loom)))]
mod reference;
mod request;
mod scheduler;
#[cfg(feature = "simulate")]
pub mod simulate;
mod stats;
mod sync;
mod time;

pub use adapt::{Adaptation, Event, Gate};
pub use config::{
    Adapt, AdaptError, Budget, Change, Config, ConfigError, Fill, Order, Overrun, Setting,
};
pub use edges::{Edges, EdgesError};
pub use request::{Expired, Options, Reason, Row, Ticket};
pub use scheduler::ring;
pub use scheduler::{
    Batch, Drain, NextBatch, NextError, ObserveError, ResubmitError, Scheduler, Submit,
    SubmitError, Worker,
};
pub use stats::{BinStats, LabelError, Snapshot, Stats, Waits};

/// Makes the blocks of the page about the crate part of the doctests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/reference/rust.md")]
pub struct Page;
