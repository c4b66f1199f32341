//! A discrete-event simulation of servers that take batches, on a virtual clock.
//!
//! The batches come from the policy that ships: what is simulated is what runs. Model, run and
//! records are apart: [`Workload`] and [`Servers`] say what happens, [`simulate`] plays it, and
//! [`Records`] is what is left.

mod adaptive;
mod arrivals;
mod baselines;
mod check;
mod clock;
#[cfg(all(test, not(loom)))]
mod conservation;
mod continuous;
mod error;
#[cfg(all(test, not(loom)))]
mod live;
mod records;
mod run;
mod shipped;
#[cfg(all(test, not(loom)))]
mod tests;
mod workload;

pub use arrivals::Arrivals;
pub use baselines::{Baseline, ContinuousOrder, Weight, simulate_baseline, simulate_baseline_into};
pub use error::SimulateError;
pub use records::{BatchRecords, Outcome, Records, RequestColumns, RequestRecords, TimedEvent};
pub use shipped::{simulate, simulate_into};
pub use workload::{Servers, Workload};
