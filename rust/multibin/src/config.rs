//! What the maker of a scheduler chooses, checked.

mod adapt;
mod budget;
mod change;
mod error;
mod scheduler;

pub(crate) use adapt::MIN_WINDOW;
pub use adapt::{Adapt, AdaptError};
pub use budget::Budget;
pub use change::Change;
pub use error::ConfigError;
pub use scheduler::{Config, Fill, Order, Overrun};
