//! Calls that wait for room: their order, what they accept, and how they end.
#![cfg(not(loom))]

#[path = "../common/mod.rs"]
mod common;

mod ending;
mod expiry;
mod full;
mod line;
mod stress;
