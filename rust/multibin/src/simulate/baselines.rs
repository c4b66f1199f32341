//! Other ways to form batches, from the literature and our own, to compare with the scheduler.
//!
//! No scheduler uses them. Each except continuous batching forms a batch whenever a server asks and
//! a request waits, and runs all rows to their end. Continuous batching refills slots instead.

#[cfg(all(test, not(loom)))]
mod agreement;
mod baseline;
mod check;
mod continuous;
mod continuous_order;
mod fifo_queues;
mod heaviest_bin;
mod length_index;
mod look_ahead;
mod nearest;
mod policy;
mod rule;
mod shortest_first;
mod simulate;
mod sorted_window;
mod weight;

pub use baseline::Baseline;
pub use continuous_order::ContinuousOrder;
pub use simulate::{simulate_baseline, simulate_baseline_into};
pub use weight::Weight;
