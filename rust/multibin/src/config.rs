//! The configuration of a scheduler, and its checks.

mod adapt;
mod adapt_error;
mod budget;
mod change;
mod check;
mod choices;
mod error;
mod limits;
mod scheduler;

pub use adapt::Adapt;
pub use adapt_error::AdaptError;
pub use budget::Budget;
pub use change::{Change, Setting};
pub use choices::{Fill, Order, Overrun};
pub use error::ConfigError;
pub(crate) use limits::MIN_WINDOW;
pub use scheduler::Config;
