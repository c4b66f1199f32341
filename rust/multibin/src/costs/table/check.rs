//! The checks of measurements.

use super::error::CostTableError;
use super::measurements::Measurements;

impl Measurements {
    /// Checks the axes, then the grids.
    pub(super) fn validate(&self) -> Result<(), CostTableError> {
        check_axis("rows", &self.rows)?;
        check_axis("tokens", &self.tokens)?;
        if self.rows[0] == 0 {
            return Err(CostTableError::NoRows);
        }
        self.check_grid("step", &self.step)?;
        self.check_grid("prefill", &self.prefill)?;
        self.check_grid("move", &self.moved)
    }

    fn check_grid(&self, grid: &'static str, values: &[f64]) -> Result<(), CostTableError> {
        let (given, rows, tokens) = (values.len(), self.rows.len(), self.tokens.len());
        if given != rows * tokens {
            return Err(CostTableError::Size { grid, given, rows, tokens });
        }
        match values.iter().position(|&value| !(value >= 0.0 && value.is_finite())) {
            Some(i) => {
                let (row, column, value) = (i / tokens, i % tokens, values[i]);
                Err(CostTableError::Seconds { grid, row, column, value })
            }
            None => Ok(()),
        }
    }
}

fn check_axis(axis: &'static str, points: &[u32]) -> Result<(), CostTableError> {
    if points.is_empty() {
        return Err(CostTableError::Empty(axis));
    }
    match points.windows(2).position(|pair| pair[0] >= pair[1]) {
        Some(i) => {
            let (position, value, previous) = (i + 1, points[i + 1], points[i]);
            Err(CostTableError::Axis { axis, position, value, previous })
        }
        None => Ok(()),
    }
}
