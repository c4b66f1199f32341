//! Tests of whole simulations, through the public functions.

mod baselines;
mod clock;
mod closed_loop;
mod conservation;
mod continuous;
mod exact;
mod idle;
mod live;
mod refused;
mod resident;
mod resident_tokens;
pub(super) mod strategies;
