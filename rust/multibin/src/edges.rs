//! Maps lengths to bins, and chooses the bounds of the bins.

mod bounded;
mod bounds;
mod choose;
mod error;
mod fit;
mod groups;
mod length;
mod limits;
mod map;
mod monotone;
mod optimal;
mod pairs;
mod partition;
mod power;
#[cfg(test)]
mod tests;

pub(crate) use bounds::{check_bins, sorted};
pub use error::EdgesError;
pub(crate) use groups::Groups;
pub use length::length;
pub use map::Edges;
pub use optimal::Optimal;
pub(crate) use partition::{Costs as RunCosts, partition};
