//! The error of refused measurements.

use thiserror::Error;

/// Why measurements make no table. Each message names the argument and the value.
///
/// ```
/// use multibin::costs::{CostTable, Counts, Measurements};
///
/// let (rows, tokens) = (vec![4, 2], vec![0]);
/// let [step, prefill, moved] = [(); 3].map(|()| vec![0.1; 2]);
/// let measured = Measurements { rows, tokens, step, prefill, moved, counts: Counts::Mean };
/// let error = CostTable::new(measured).unwrap_err();
/// assert_eq!(error.to_string(), "rows[1] must be above 4, got 2");
/// ```
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CostTableError {
    /// An axis without points.
    #[error("{0} must have at least one point, got none")]
    Empty(&'static str),
    /// A number of rows that is 0.
    #[error("rows[0] must be at least 1, got 0")]
    NoRows,
    /// A point that is not above its predecessor.
    #[error("{axis}[{position}] must be above {previous}, got {value}")]
    Axis {
        /// The axis.
        axis: &'static str,
        /// The position of the point.
        position: usize,
        /// The point.
        value: u32,
        /// The point before it.
        previous: u32,
    },
    /// A grid of the wrong size.
    #[error("{grid} must have {rows} x {tokens} values, got {given}")]
    Size {
        /// The grid.
        grid: &'static str,
        /// The size of the grid.
        given: usize,
        /// Points of the axis of rows.
        rows: usize,
        /// Points of the axis of tokens.
        tokens: usize,
    },
    /// A value that is no time.
    #[error("{grid}[{row}][{column}] must be finite and at least 0, got {value}")]
    Seconds {
        /// The grid.
        grid: &'static str,
        /// The position on the axis of rows.
        row: usize,
        /// The position on the axis of tokens.
        column: usize,
        /// The value.
        value: f64,
    },
    /// Measurements that count the mean, where the longest row decides.
    #[error("counts must be longest, got mean")]
    CountsMean,
    /// A largest number of rows that is out of range.
    #[error("max_rows must be between 1 and {most}, got {max_rows}")]
    MaxRows {
        /// The largest number of rows.
        max_rows: u32,
        /// The most that memory is kept for.
        most: u32,
    },
}
