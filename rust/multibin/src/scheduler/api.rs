//! The public methods of a scheduler.

mod manage;
mod report;
mod requests;
