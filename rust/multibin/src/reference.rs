//! The rules written down naively, and random programs that hold the shipped scheduler to them.

mod batches;
mod entry;
mod ledger;
mod limits;
mod measured;
mod order;
mod program;
mod properties;
mod rules;
mod run;
mod starvation;
mod state;
