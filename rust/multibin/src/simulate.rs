//! A discrete-event simulation of servers that run batches, on a virtual clock.
//!
//! The batches come from the scheduler's own batch former, so the simulated policy is the one that
//! runs. [`Workload`] and [`Servers`] describe what happens, [`simulate`] runs it, and [`Records`]
//! hold what happened. [`simulate_baseline`] runs a [`Baseline`] instead, to compare with.

mod adaptive;
mod arrival_process;
mod arrivals;
mod baselines;
mod check;
mod clock;
mod error;
mod policy;
mod records;
mod resident;
mod scheduler;
mod simulation;
#[cfg(all(test, not(loom)))]
mod tests;
mod workload;

pub use arrivals::Arrivals;
pub use baselines::{Baseline, ContinuousOrder, Weight, simulate_baseline, simulate_baseline_into};
pub use error::SimulateError;
pub use records::{BatchRecords, Outcome, Records, RequestColumns, RequestRecords, TimedEvent};
pub use scheduler::{simulate, simulate_into};
pub use workload::{Servers, Workload};
