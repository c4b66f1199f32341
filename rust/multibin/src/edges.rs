//! Maps lengths to bins, and chooses the bounds of the bins.

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

pub use error::EdgesError;
pub use length::length;
pub use map::Edges;
pub use optimal::Optimal;
