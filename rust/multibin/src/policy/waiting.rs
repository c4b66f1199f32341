//! What waits: one slab of entries, and a queue per bin of positions in it. Knows order, not policy.

mod bin_queue;
mod entry;
mod heap;
mod slab;
#[cfg(all(test, not(loom)))]
mod tests;

pub(crate) use bin_queue::BinQueue;
pub(crate) use entry::{Entry, Head, Rank};
pub(crate) use slab::{Home, Owner, Slab};
