//! Seconds that were measured on a grid of rows and tokens.

mod axis;

use thiserror::Error;

use self::axis::Place;
use super::batch::{RunningRow, Timing};

/// Which of its rows a batch of unlike rows costs by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// As if all unfinished rows had as many positions as the longest of them: padded attention.
    Longest,
    /// As if all unfinished rows had their mean number of positions: attention by row.
    Mean,
}

/// What a [`CostTable`] is made of. Grids are in the order `[rows][tokens]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurements {
    /// Numbers of rows, increasing, at least 1.
    pub rows: Vec<u32>,
    /// Positions cached per row, increasing.
    pub tokens: Vec<u32>,
    /// Seconds of one decode step of so many rows with so many positions each.
    pub step: Vec<f64>,
    /// Seconds to start so many new rows with prompts of so many tokens, their first token
    /// included.
    pub prefill: Vec<f64>,
    /// Seconds to take up so many rows with state of so many positions, and to have parked them.
    pub moved: Vec<f64>,
    /// What a batch of unlike rows costs by.
    pub counts: Counts,
}

/// Seconds that a batch takes, from measurements on a grid.
///
/// Bilinear between the points; before the first point of an axis that point's value; beyond the
/// last, linear growth from the last two, never falling below the last. Rows are interpolated
/// first, then tokens.
///
/// The first token of a new row belongs to its prefill, so it runs one decode step fewer than it
/// has steps, and a row that has generated some tokens has one position fewer cached than tokens.
/// New and moved rows of one batch cost the sum of the two.
#[derive(Debug, Clone, PartialEq)]
pub struct CostTable(Measurements);

/// Why there is no table. Each message names the argument and the value.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CostTableError {
    /// An axis without points.
    #[error("{0}: names no number")]
    Empty(&'static str),
    /// A number of rows that is 0.
    #[error("rows: rows[0] = 0 is less than 1")]
    NoRows,
    /// A point that is not above its predecessor.
    #[error("{axis}: {axis}[{position}] = {value} does not lie above {previous}")]
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
    #[error("{grid}: {given} values for {rows} x {tokens} points")]
    Size {
        /// The grid.
        grid: &'static str,
        /// Its size.
        given: usize,
        /// Points of the axis of rows.
        rows: usize,
        /// Points of the axis of tokens.
        tokens: usize,
    },
    /// Not a time.
    #[error("{grid}: {grid}[{row}][{column}] = {value} is not a finite number of seconds >= 0")]
    Seconds {
        /// The grid.
        grid: &'static str,
        /// The point of the axis of rows.
        row: usize,
        /// The point of the axis of tokens.
        column: usize,
        /// The value.
        value: f64,
    },
}

impl CostTable {
    /// A table of these measurements.
    ///
    /// # Errors
    /// [`CostTableError`] for axes that do not increase, and grids of the wrong size or of values that
    /// are no times.
    pub fn new(measured: Measurements) -> Result<Self, CostTableError> {
        check_axis("rows", &measured.rows)?;
        check_axis("tokens", &measured.tokens)?;
        if measured.rows[0] == 0 {
            return Err(CostTableError::NoRows);
        }
        check_grid("step", &measured.step, &measured)?;
        check_grid("prefill", &measured.prefill, &measured)?;
        check_grid("move", &measured.moved, &measured)?;
        Ok(Self(measured))
    }

    pub(super) fn scaled(&self, factor: f64) -> Self {
        let Measurements { rows, tokens, step, prefill, moved, counts } = &self.0;
        let scaled = |grid: &[f64]| grid.iter().map(|seconds| seconds * factor).collect();
        Self(Measurements {
            rows: rows.clone(),
            tokens: tokens.clone(),
            step: scaled(step),
            prefill: scaled(prefill),
            moved: scaled(moved),
            counts: *counts,
        })
    }

    pub(super) fn without_moves(&self) -> Self {
        let moved = vec![0.0; self.0.moved.len()];
        Self(Measurements { moved, ..self.0.clone() })
    }

    /// Times a batch; `ends` receives when each row's last step ends.
    pub(super) fn time(&self, rows: &[RunningRow], ends: &mut Vec<f64>) -> Timing {
        let first = self.once(&self.0.prefill, rows.iter().filter(|row| row.new));
        let start = first + self.once(&self.0.moved, rows.iter().filter(|row| !row.new));
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_unstable_by_key(|&row| decode_steps(rows[row]));
        let tokens = self.of_the_rest(rows, &order);
        ends.clear();
        ends.resize(rows.len(), first);
        let (mut now, mut step) = (start, 0);
        for (ended, &row) in order.iter().enumerate() {
            let end = decode_steps(rows[row]);
            if end > step {
                let live = (rows.len() - ended) as f64;
                now += self.steps(live, tokens[ended] + f64::from(step), end - step);
                step = end;
            }
            // A row of one token ends with its prefill.
            ends[row] = if end == 0 { first } else { now };
        }
        Timing { first, end: now }
    }

    /// What a grid says for these rows together, 0 for none.
    fn once<'a>(&self, grid: &[f64], rows: impl Iterator<Item = &'a RunningRow>) -> f64 {
        let mut group = Group::default();
        rows.for_each(|&row| group.add(row));
        if group.rows == 0.0 {
            return 0.0;
        }
        let row = Place::on(&self.0.rows, group.rows);
        self.at(grid, row, group.tokens(self.0.counts))
    }

    fn at(&self, grid: &[f64], row: Place, tokens: f64) -> f64 {
        let width = self.0.tokens.len();
        Place::on(&self.0.tokens, tokens).along(|j| row.along(|i| grid[i * width + j]))
    }

    /// For each position of `order`, the positions cached that the rows from there on count with
    /// when the batch starts.
    fn of_the_rest(&self, rows: &[RunningRow], order: &[usize]) -> Vec<f64> {
        let mut group = Group::default();
        let mut tokens = vec![0.0; order.len()];
        for (tokens, &row) in tokens.iter_mut().zip(order).rev() {
            group.add(rows[row]);
            *tokens = group.tokens(self.0.counts);
        }
        tokens
    }

    /// Seconds of `steps` decode steps of `live` rows, `tokens` positions cached before the first.
    ///
    /// The tokens grow by 1 a step and a step's seconds are linear in them within a cell, so all
    /// steps of a cell together take as many times the seconds of their middle.
    fn steps(&self, live: f64, tokens: f64, steps: u32) -> f64 {
        let row = Place::on(&self.0.rows, live);
        let (mut seconds, mut done) = (0.0, 0.0);
        let mut until = |end: f64| {
            if end > done {
                let middle = tokens + (done + end - 1.0) / 2.0;
                seconds += (end - done) * self.at(&self.0.step, row, middle);
                done = end;
            }
        };
        for &point in &self.0.tokens {
            let inside = (f64::from(point) - tokens).floor() + 1.0;
            until(inside.min(f64::from(steps)));
        }
        until(f64::from(steps));
        seconds
    }
}

/// Rows and their positions.
#[derive(Default)]
struct Group {
    rows: f64,
    sum: f64,
    longest: f64,
}

impl Group {
    fn add(&mut self, row: RunningRow) {
        let cached = f64::from(if row.new { row.age } else { row.age.saturating_sub(1) });
        self.rows += 1.0;
        self.sum += cached;
        self.longest = self.longest.max(cached);
    }

    fn tokens(&self, counts: Counts) -> f64 {
        match counts {
            Counts::Longest => self.longest,
            Counts::Mean => self.sum / self.rows,
        }
    }
}

fn decode_steps(row: RunningRow) -> u32 {
    row.steps.saturating_sub(u32::from(row.new))
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

fn check_grid(
    grid: &'static str,
    values: &[f64],
    axes: &Measurements,
) -> Result<(), CostTableError> {
    let (given, rows, tokens) = (values.len(), axes.rows.len(), axes.tokens.len());
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

#[cfg(all(test, not(loom)))]
mod tests;
