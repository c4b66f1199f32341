//! Models of how long a batch takes.
//!
//! ```
//! use multibin::costs::{Costs, LinearCosts, RunningRow};
//!
//! let costs = Costs {
//!     model: LinearCosts { fixed: 0.5, step: 0.1, ..Default::default() }.into(),
//!     ..Default::default()
//! };
//! let rows = [2, 5].map(|steps| RunningRow { age: 30, steps, new: true, cached: 0 });
//! let mut ends = Vec::new();
//! assert_eq!(costs.time(&rows, &mut ends).end, 1.0);
//! assert_eq!(ends, [0.7, 1.0]);
//! ```

#[cfg(feature = "simulate")]
mod adjust;
mod batch;
mod batch_times;
mod bins;
mod error;
mod linear;
mod model;
mod table;

pub use batch::{RunningRow, Timing};
pub use batch_times::BatchTimes;
pub(crate) use batch_times::Column;
pub use error::CostError;
pub use linear::LinearCosts;
pub use model::{Completion, CostModel, Costs};
pub use table::{CostTable, CostTableError, Counts, Measurements};
