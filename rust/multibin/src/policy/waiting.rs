//! What waits: one slab of entries, and queues of positions in it. Knows order, not policy.

mod bin_queue;
mod blocks;
mod entry;
mod heap;
mod home;
mod ranking;
mod slab;
#[cfg(all(test, not(loom)))]
mod tests;
mod ticket_index;
mod touched;

pub(crate) use bin_queue::{BinQueue, Picked};
pub(crate) use entry::{Entry, Head};
pub(crate) use home::{Home, Owner};
pub(crate) use ranking::Ranking;
pub(crate) use slab::Slab;
