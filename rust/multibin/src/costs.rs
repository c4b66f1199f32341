//! How long a batch takes.

mod batch;
mod error;
mod linear;
mod model;
mod table;

pub(crate) use batch::{RunningRow, Timing};
pub use error::CostError;
pub use linear::LinearCosts;
pub use model::{Completion, CostModel, Costs};
pub use table::{CostTable, CostTableError, Counts, Measurements};
