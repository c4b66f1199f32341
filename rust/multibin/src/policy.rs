//! Which batch leaves: a pure function of (what waits, the time, which worker asks).
//!
//! Nothing here reads a clock, takes a lock or knows a thread. Time comes in as nanoseconds and
//! order as counters, so that a simulation on a virtual clock runs this same code.

mod arrivals;
mod bins;
mod bit_set;
mod change;
mod depths;
mod expiry;
mod former;
mod gather;
mod light_load;
mod limit;
mod load;
mod min_tree;
mod rules;
mod scan;
mod select;
#[cfg(all(test, not(loom)))]
mod tests;
mod ticket_index;
mod waiting;

pub(crate) use arrivals::Arrivals;
#[cfg(feature = "simulate")]
pub(crate) use bit_set::BitSet;
pub(crate) use former::{Formed, Former};
pub(crate) use rules::Rules;
pub(crate) use waiting::Slab;
