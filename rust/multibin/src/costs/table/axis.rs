//! Where a number lies among the points of an axis.

/// A number's place: between point `below` and the next, `part` of the way; beyond the last two
/// points `part` is above 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    below: usize,
    part: f64,
}

impl Place {
    /// `points` increase and are not empty.
    pub(super) fn on(points: &[u32], value: f64) -> Self {
        let above = points.partition_point(|&point| f64::from(point) < value);
        if above == 0 || points.len() == 1 {
            return Self { below: 0, part: 0.0 };
        }
        let below = (above - 1).min(points.len() - 2);
        let (low, high) = (f64::from(points[below]), f64::from(points[below + 1]));
        Self { below, part: (value - low) / (high - low) }
    }

    /// The value here of what is `at(i)` at point i: linear, and beyond the last point never below
    /// its value.
    pub(super) fn along(self, at: impl Fn(usize) -> f64) -> f64 {
        let low = at(self.below);
        if self.part == 0.0 {
            return low;
        }
        let rise = at(self.below + 1) - low;
        low + self.part.min(1.0) * rise + (self.part - 1.0).max(0.0) * rise.max(0.0)
    }
}
