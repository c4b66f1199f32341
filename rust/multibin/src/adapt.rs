//! Edges that follow the traffic, and the gate: shared by the live scheduler and the simulation.

mod adapter;
mod drift;
mod event;
mod fit;
mod gain;
mod gate;
mod report;
mod sample;
mod strata;
#[cfg(all(test, not(loom)))]
mod tests;

pub(crate) use adapter::Adapter;
pub use event::Event;
pub(crate) use fit::{Fit, Job};
pub use gate::Gate;
pub use report::Adaptation;
