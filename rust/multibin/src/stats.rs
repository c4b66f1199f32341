//! Counters of a scheduler: by batch, at one moment, and as text for Prometheus.

mod counts;
mod prometheus;
mod snapshot;
mod waits;

pub(crate) use counts::Counts;
pub use prometheus::LabelError;
pub use snapshot::{BinStats, Snapshot, Stats};
pub use waits::Waits;
