//! **multibin** makes batches whose members finish together: it keeps requests of similar
//! predicted length in the same bin and forms every batch from one bin, or the nearest ones
//! (Multi-Bin Batching, arXiv 2412.04504).
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
//! A request goes [`Scheduler::submit`] → the bin of its length ([`Edges`]) → that bin's ring →
//! under the forming lock, the queues of the former → [`Worker::next_batch`] → [`Batch::done`], or
//! [`Batch::resubmit`] when it outlived the batch's limit.

mod adapt;
mod config;
pub mod costs;
pub mod edges;
mod policy;
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
    Batch, Drain, NextBatch, NextError, ResubmitError, Scheduler, Submit, SubmitError, Worker,
};
pub use stats::{BinStats, LabelError, Snapshot, Stats, Waits};
