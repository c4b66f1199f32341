//! Which batch leaves: a pure function of (what waits, the time, which worker asks).
//!
//! Nothing here reads a clock, takes a lock or knows a thread. Time comes in as nanoseconds and
//! order as counters, so that a simulation on a virtual clock runs this same code.

mod arrivals;
mod batch_cost;
mod bins;
mod bit_set;
mod candidate;
mod change;
mod climb;
mod deadlines;
mod depth;
mod expire;
mod expiry;
mod fill;
mod former;
mod has_batch;
mod light_load;
mod limit;
mod min_tree;
mod ranked;
mod remove;
mod rules;
mod scan;
mod select;
#[cfg(all(test, not(loom)))]
mod tests;
mod waiting;

pub(crate) use arrivals::Arrivals;
#[cfg(feature = "simulate")]
pub(crate) use bit_set::BitSet;
pub(crate) use former::{Formed, Former};
pub(crate) use rules::Rules;
pub(crate) use waiting::Slab;
