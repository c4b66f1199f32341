//! Why costs are refused.

use thiserror::Error;

/// A coefficient that is not a number ≥ 0.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("costs: {name} = {value} is not a finite number of seconds >= 0")]
pub struct CostError {
    /// The coefficient.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
}
