//! One queue per bin: those of one owner, those of all owners, and the heads of all bins.
//!
//! Entries enter and leave through operations that keep every count themselves.

mod eligible;
mod first_batch;
mod head_index;
mod left_behind;
mod merged;
mod owned;
mod queues;
mod taker;
mod writer;

pub(crate) use eligible::Eligible;
pub(crate) use head_index::HeadIndex;
pub(crate) use owned::Bins;
pub(crate) use queues::Queues;
pub(crate) use taker::Taken;
pub(crate) use writer::{BinWriter, Written};
