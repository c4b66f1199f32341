//! The times of a batch from measurements.

use super::super::batch::{RunningRow, Timing};
use super::axis::AxisPosition;
use super::error::CostTableError;
use super::measurements::{Counts, Measurements};

/// Seconds that a batch takes, from measurements on a grid.
///
/// Between the points of the grid the seconds are bilinear: rows are interpolated first, then
/// tokens. Before the first point of an axis they are that point's value. Beyond the last they
/// grow linearly from the last two points and never fall below the last.
///
/// A new row's first token belongs to its prefill, so the row runs one decode step fewer than it
/// has steps. A row that has generated tokens has one position fewer cached than it has tokens.
/// New and moved rows of one batch cost the sum of the two.
///
/// ```
/// use multibin::costs::{CostTable, Costs, Counts, Measurements, RunningRow};
///
/// let table = CostTable::new(Measurements {
///     rows: vec![1, 2],
///     tokens: vec![0, 10],
///     step: vec![1.0, 2.0, 3.0, 4.0],
///     prefill: vec![0.5; 4],
///     moved: vec![0.25; 4],
///     counts: Counts::Longest,
/// })?;
/// let costs = Costs { model: table.into(), ..Default::default() };
/// // The prefill, then a decode step of one row at 5 positions.
/// let row = RunningRow { age: 5, steps: 2, new: true, cached: 0 };
/// assert_eq!(costs.time(&[row], &mut Vec::new()).end, 0.5 + 1.5);
/// # Ok::<(), multibin::costs::CostTableError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CostTable(pub(in crate::costs) Measurements);

impl CostTable {
    /// Makes a table of these measurements.
    ///
    /// ```
    /// use multibin::costs::{CostTable, Counts, Measurements};
    ///
    /// let grid = || vec![0.1, 0.2];
    /// let (rows, tokens) = (vec![1], vec![0, 100]);
    /// let [step, prefill, moved] = [grid(), grid(), grid()];
    /// let measured = Measurements { rows, tokens, step, prefill, moved, counts: Counts::Mean };
    /// assert!(CostTable::new(measured).is_ok());
    /// ```
    ///
    /// # Errors
    /// [`CostTableError`] for an axis that does not increase, a grid of the wrong size, and a value
    /// that is no time.
    pub fn new(measured: Measurements) -> Result<Self, CostTableError> {
        measured.validate()?;
        Ok(Self(measured))
    }

    /// Computes the times of a batch. `ends` then holds when each row's last step ends.
    pub(in crate::costs) fn time(&self, rows: &[RunningRow], ends: &mut Vec<f64>) -> Timing {
        let first_token = self.once(&self.0.prefill, rows.iter().filter(|row| row.new));
        let start = first_token + self.once(&self.0.moved, rows.iter().filter(|row| !row.new));
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_unstable_by_key(|&row| decode_steps(rows[row]));
        let tokens = self.suffix_tokens(rows, &order);
        ends.clear();
        ends.resize(rows.len(), first_token);
        let (mut now, mut step) = (start, 0);
        for (ended, &row) in order.iter().enumerate() {
            let end = decode_steps(rows[row]);
            if end > step {
                let live = (rows.len() - ended) as f64;
                now += self.steps(live, tokens[ended] + f64::from(step), end - step);
                step = end;
            }
            // A row of one token ends with its prefill.
            ends[row] = if end == 0 { first_token } else { now };
        }
        Timing { first_token, end: now }
    }

    /// Returns a grid's seconds for these rows together, 0 for none.
    fn once<'a>(&self, grid: &[f64], rows: impl Iterator<Item = &'a RunningRow>) -> f64 {
        let mut group = Group::default();
        rows.for_each(|&row| group.add(at_start(row)));
        if group.rows == 0.0 {
            return 0.0;
        }
        let row = AxisPosition::on(&self.0.rows, group.rows);
        self.at(grid, row, group.tokens(self.0.counts))
    }

    /// Interpolates a grid at a position on the axis of rows and a number of tokens.
    pub(in crate::costs) fn at(&self, grid: &[f64], row: AxisPosition, tokens: f64) -> f64 {
        let width = self.0.tokens.len();
        let column = |j: usize| row.interpolate(|i| grid[i * width + j]);
        AxisPosition::on(&self.0.tokens, tokens).interpolate(column)
    }

    /// Returns, for each position of `order`, the cached positions by which the rows from there on
    /// are looked up when the batch starts.
    fn suffix_tokens(&self, rows: &[RunningRow], order: &[usize]) -> Vec<f64> {
        let mut group = Group::default();
        let mut tokens = vec![0.0; order.len()];
        for (tokens, &row) in tokens.iter_mut().zip(order).rev() {
            group.add(positions(rows[row]));
            *tokens = group.tokens(self.0.counts);
        }
        tokens
    }

    /// Returns the seconds of `steps` decode steps of `live` rows, with `tokens` positions cached
    /// before the first.
    ///
    /// The tokens grow by 1 a step, and a step's seconds are linear in them within a cell of the
    /// grid. So n steps of one cell take n times the seconds of their middle.
    fn steps(&self, live: f64, tokens: f64, steps: u32) -> f64 {
        let row = AxisPosition::on(&self.0.rows, live);
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

/// Rows that are looked up together, and their cached positions or the tokens that they compute.
#[derive(Default)]
struct Group {
    rows: f64,
    sum: f64,
    longest: f64,
}

impl Group {
    fn add(&mut self, tokens: u32) {
        let tokens = f64::from(tokens);
        self.rows += 1.0;
        self.sum += tokens;
        self.longest = self.longest.max(tokens);
    }

    /// Returns the tokens by which the group is looked up.
    fn tokens(&self, counts: Counts) -> f64 {
        match counts {
            Counts::Longest => self.longest,
            Counts::Mean => self.sum / self.rows,
        }
    }
}

/// Returns the tokens of a row's prefill, or the positions that it brings if it is not new.
fn at_start(row: RunningRow) -> u32 {
    if row.new { row.computed() } else { positions(row) }
}

/// Returns the positions that a row has cached when the batch's decode steps start.
fn positions(row: RunningRow) -> u32 {
    if row.new { row.age } else { row.age.saturating_sub(1) }
}

/// Returns the steps of a row without the one that its prefill contains.
fn decode_steps(row: RunningRow) -> u32 {
    row.steps.saturating_sub(u32::from(row.new))
}
