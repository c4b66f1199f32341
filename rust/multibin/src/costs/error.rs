//! The error of refused coefficients.

use thiserror::Error;

/// A coefficient that is not a finite number ≥ 0.
///
/// ```
/// use multibin::costs::{Costs, LinearCosts};
///
/// let model = LinearCosts { step: -1.0, ..Default::default() }.into();
/// let error = Costs { model, ..Default::default() }.validate().unwrap_err();
/// assert_eq!(error.name, "step");
/// assert_eq!(error.to_string(), "costs.step must be finite and at least 0, got -1");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("costs.{name} must be finite and at least 0, got {value}")]
pub struct CostError {
    /// The coefficient's name.
    pub name: &'static str,
    /// The coefficient's value.
    pub value: f64,
}
