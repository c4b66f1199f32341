//! The measured costs of a former, and the best cut of what waits around a leader.

mod cut;
mod plan;
mod scratch;
mod window;

pub(crate) use scratch::Measured;
pub(crate) use window::Window;
