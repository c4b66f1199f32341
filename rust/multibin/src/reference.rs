//! The rules written down naively, and random programs that hold the shipped scheduler to them.
#![expect(clippy::option_option, reason = "as in `Change`")]

mod batches;
mod entry;
mod ledger;
mod limits;
mod order;
mod program;
mod properties;
mod rules;
mod run;
mod starvation;
mod state;
