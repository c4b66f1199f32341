//! Which batch leaves: a pure function of (what waits, the time, which worker asks).
//!
//! Nothing here reads a clock, takes a lock or knows a thread. Time comes in as nanoseconds and
//! order as counters, so that a simulation on a virtual clock runs this same code.

// What waits: entries, the queues of the bins, and what is found fast among many bins.
mod bins;
mod bit_set;
mod min_tree;
mod waiting;

// Measured costs, the requests around a leader, and their division into batches.
mod measured;

// The parameters of the rules, and sums over the rows of a batch.
mod batch_cost;
mod rules;

// Which batch leaves: the rules in order, the bins that they see, the rows that they take.
mod candidate;
mod deadlines;
mod fill;
mod former;
mod has_batch;
mod light_load;
mod limit;
mod look_around;
mod most_rows;
mod ranked;
mod scan;
mod select;
mod select_measured;

// What enters and leaves besides batches, and what changes meanwhile.
mod arrivals;
mod change;
mod climb;
mod depth;
mod expire;
mod expiry;
mod remove;

#[cfg(all(test, not(loom)))]
mod tests;

pub(crate) use arrivals::Arrivals;
#[cfg(feature = "simulate")]
pub(crate) use bit_set::BitSet;
pub(crate) use former::{Formed, Former};
pub(crate) use rules::Rules;
#[cfg(feature = "simulate")]
pub(crate) use rules::is_light_load;
pub(crate) use waiting::Slab;
