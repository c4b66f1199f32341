//! Seconds of a batch from measurements on a grid of rows and tokens.

mod axis;
mod check;
mod cost_table;
mod error;
mod measurements;
#[cfg(all(test, not(loom)))]
pub(super) mod strategies;
#[cfg(all(test, not(loom)))]
mod tests;

pub(super) use axis::AxisPosition;
pub use cost_table::CostTable;
pub use error::CostTableError;
pub use measurements::{Counts, Measurements};
