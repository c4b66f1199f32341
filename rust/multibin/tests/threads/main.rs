//! Real threads: every accepted request is accounted for, waiters are woken, and every wait ends.
#![cfg(not(loom))]

#[path = "../common/mod.rs"]
mod common;

mod account;
mod cancelling;
mod closing;
mod limits;
mod stress;
mod waking;
