//! Continuous batching.

mod join_queue;
mod server;
mod simulation;
mod slot;
mod span_costs;

pub(super) use simulation::ContinuousSimulation;
