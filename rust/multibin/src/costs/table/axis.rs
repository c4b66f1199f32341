//! Linear interpolation along one axis.

/// Where a number lies on an axis: at the share `part` of the way from point `below` to the next.
/// Beyond the last two points `part` is above 1.
#[derive(Debug, Clone, Copy)]
pub(in crate::costs) struct AxisPosition {
    below: usize,
    part: f64,
}

impl AxisPosition {
    /// Finds `value` on an axis. `points` increase and are not empty.
    pub(in crate::costs) fn on(points: &[u32], value: f64) -> Self {
        let above = points.partition_point(|&point| f64::from(point) < value);
        if above == 0 || points.len() == 1 {
            return Self { below: 0, part: 0.0 };
        }
        let below = (above - 1).min(points.len() - 2);
        let (low, high) = (f64::from(points[below]), f64::from(points[below + 1]));
        Self { below, part: (value - low) / (high - low) }
    }

    /// Interpolates values of which `at(i)` belongs to point i. Beyond the last point the result
    /// grows linearly and never falls below that point's value.
    pub(in crate::costs) fn interpolate(self, at: impl Fn(usize) -> f64) -> f64 {
        let low = at(self.below);
        if self.part == 0.0 {
            return low;
        }
        let rise = at(self.below + 1) - low;
        low + self.part.min(1.0) * rise + (self.part - 1.0).max(0.0) * rise.max(0.0)
    }
}
