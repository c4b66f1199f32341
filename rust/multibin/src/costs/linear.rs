//! Seconds of a batch as a sum of linear terms.

use super::batch::{RunningRow, Timing};
use super::error::CostError;

/// Seconds that a batch takes: a sum of linear terms. The models of the literature are choices of
/// coefficients.
///
/// - `step` alone is the model of arXiv 2412.04504: the longest row decides.
/// - `fixed`, `prompt_token`, `step` and `row_step` make the affine model.
/// - `kv_token` counts what a decode step reads of every row's cache, so that age matters.
/// - `padded_token` is for fixed shapes and padded caches. There every row of the batch costs as
///   much as the oldest one until the batch ends.
///
/// ```
/// use multibin::costs::{Costs, LinearCosts, RunningRow};
///
/// let linear = LinearCosts { step: 0.25, row_step: 0.125, ..Default::default() };
/// let costs = Costs { model: linear.into(), ..Default::default() };
/// let rows = [1, 2].map(|steps| RunningRow { age: 10, steps, new: true, cached: 0 });
/// // One step of two rows, one of one.
/// assert_eq!(costs.time(&rows, &mut Vec::new()).end, 0.5 + 0.375);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LinearCosts {
    /// Seconds per batch.
    pub fixed: f64,
    /// Seconds per prompt token of a new row that no prefix cache has.
    pub prompt_token: f64,
    /// Seconds per row that brings its state from another batch.
    pub moved_row: f64,
    /// Seconds per step.
    pub step: f64,
    /// Seconds per step and unfinished row.
    pub row_step: f64,
    /// Seconds per step and token in the caches of the unfinished rows.
    pub kv_token: f64,
    /// Seconds per step and padded token: rows of the batch × tokens of the oldest one.
    pub padded_token: f64,
}

impl LinearCosts {
    /// Checks that every coefficient is finite and at least 0.
    pub(super) fn validate(&self) -> Result<(), CostError> {
        for (name, value) in [
            ("fixed", self.fixed),
            ("prompt_token", self.prompt_token),
            ("moved_row", self.moved_row),
            ("step", self.step),
            ("row_step", self.row_step),
            ("kv_token", self.kv_token),
            ("padded_token", self.padded_token),
        ] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(CostError { name, value });
            }
        }
        Ok(())
    }

    /// Computes the times of a batch. `ends` then holds when each row's last step ends.
    pub(super) fn time(&self, rows: &[RunningRow], ends: &mut Vec<f64>) -> Timing {
        let start = self.prefill(rows);
        if self.row_step == 0.0 && self.kv_token == 0.0 && self.padded_token == 0.0 {
            return self.time_by_steps(start, rows, ends);
        }
        self.time_by_rows(start, rows, ends)
    }

    /// Returns the seconds before the first step.
    fn prefill(&self, rows: &[RunningRow]) -> f64 {
        let mut seconds = self.fixed;
        for row in rows {
            seconds += if row.new {
                self.prompt_token * f64::from(row.computed())
            } else {
                self.moved_row
            };
        }
        seconds
    }

    /// Computes the times of a batch whose steps all take the same time.
    fn time_by_steps(&self, start: f64, rows: &[RunningRow], ends: &mut Vec<f64>) -> Timing {
        let end_of = |row: &RunningRow| start + self.step * f64::from(row.steps);
        ends.clear();
        ends.extend(rows.iter().map(end_of));
        let end = ends.iter().fold(start, |latest, &end| latest.max(end));
        Timing { first_token: start + self.step, end }
    }

    /// Computes the times of a batch whose steps depend on the unfinished rows and their ages.
    ///
    /// Between the ends of two rows every step has the same rows, each one token older than at the
    /// step before. So the steps between two ends are summed in closed form.
    fn time_by_rows(&self, start: f64, rows: &[RunningRow], ends: &mut Vec<f64>) -> Timing {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_unstable_by_key(|&row| rows[row].steps);
        let mut live = rows.len() as f64;
        let mut ages: f64 = rows.iter().map(|row| f64::from(row.age)).sum();
        let oldest = rows.iter().map(|row| row.age).max().unwrap_or(0);
        let padded = f64::from(oldest) * live;
        // Steps from..to of `live` rows: their caches hold ages + live·t tokens at step t.
        let span = |from: f64, to: f64, live: f64, ages: f64| {
            let steps = to - from;
            let ages_by_step = steps * (from + to - 1.0) / 2.0;
            steps * (self.step + self.row_step * live)
                + self.kv_token * (ages * steps + live * ages_by_step)
                + self.padded_token * (padded * steps + rows.len() as f64 * ages_by_step)
        };
        let first_token = start + span(0.0, 1.0, live, ages);
        let (mut now, mut step) = (start, 0.0);
        ends.clear();
        ends.resize(rows.len(), start);
        for row in order {
            let end = f64::from(rows[row].steps);
            if end > step {
                now += span(step, end, live, ages);
                step = end;
            }
            ends[row] = now;
            live -= 1.0;
            ages -= f64::from(rows[row].age);
        }
        Timing { first_token, end: now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computes the times of a batch step by step, as the doc comments of the coefficients say.
    fn naive(linear: &LinearCosts, rows: &[RunningRow]) -> (Vec<f64>, f64) {
        let mut now = linear.fixed;
        for row in rows {
            let read = f64::from(row.age - row.cached);
            now += if row.new { linear.prompt_token * read } else { linear.moved_row };
        }
        let mut ends = vec![now; rows.len()];
        for t in 0..rows.iter().map(|row| row.steps).max().unwrap() {
            let live = || rows.iter().filter(|row| row.steps > t);
            let kv: u32 = live().map(|row| row.age + t).sum();
            let oldest = rows.iter().map(|row| row.age).max().unwrap() + t;
            now += linear.step
                + linear.row_step * live().count() as f64
                + linear.kv_token * f64::from(kv)
                + linear.padded_token * f64::from(oldest) * rows.len() as f64;
            for (end, row) in ends.iter_mut().zip(rows) {
                if row.steps == t + 1 {
                    *end = now;
                }
            }
        }
        (ends, now)
    }

    #[test]
    fn closed_form_equals_step_by_step() {
        let linear = LinearCosts {
            fixed: 0.5,
            prompt_token: 0.01,
            moved_row: 0.2,
            step: 0.1,
            row_step: 0.03,
            kv_token: 0.001,
            padded_token: 0.002,
        };
        let rows: Vec<_> = [(5, 3, true, 2), (9, 1, false, 9), (2, 7, true, 0), (4, 3, false, 0)]
            .map(|(age, steps, new, cached)| RunningRow { age, steps, new, cached })
            .into();
        for linear in
            [linear, LinearCosts { row_step: 0.0, kv_token: 0.0, padded_token: 0.0, ..linear }]
        {
            let mut ends = Vec::new();
            let timing = linear.time(&rows, &mut ends);
            let (expected, end) = naive(&linear, &rows);
            assert!((timing.end - end).abs() < 1e-12);
            assert!(
                ends.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12),
                "{ends:?} {expected:?}"
            );
            let one_step: Vec<_> = rows.iter().map(|row| RunningRow { steps: 1, ..*row }).collect();
            assert!((timing.first_token - naive(&linear, &one_step).1).abs() < 1e-12);
        }
    }

    #[test]
    fn coefficients_are_checked() {
        let linear = LinearCosts { step: f64::NAN, ..LinearCosts::default() };
        let message = linear.validate().unwrap_err().to_string();
        assert_eq!(message, "costs.step must be finite and at least 0, got NaN");
        assert!(LinearCosts { fixed: -1.0, ..LinearCosts::default() }.validate().is_err());
    }
}
