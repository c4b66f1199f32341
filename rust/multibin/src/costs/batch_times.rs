//! Seconds of a batch by its rows and its longest length, laid out for dynamic programs.

use super::table::{AxisPosition, CostTable, CostTableError, Counts, Measurements};

/// Most seconds that are told apart, so that sums of them stay finite numbers.
const MAX_SECONDS: f64 = 1e28;

/// Seconds of a batch by its number of rows and the length of its longest row.
///
/// The seconds are those of a [`CostTable`]'s `prefill`, with its tokens read as lengths. Between
/// the points of the grid they are bilinear. Before the first point they are that point's value,
/// and beyond the last they grow linearly and never fall.
///
/// They are kept in single precision, for every number of rows up to a largest one.
///
/// ```
/// use multibin::costs::BatchTimes;
///
/// let (rows, lengths) = (vec![1, 3], vec![0, 100]);
/// let times = BatchTimes::new(rows, lengths, vec![1.0, 2.0, 1.0, 6.0], 4)?;
/// assert_eq!(times.seconds(1, 50), 1.5);
/// assert_eq!(times.seconds(2, 100), 4.0);
/// assert_eq!(times.seconds(4, 100), 8.0);
/// # Ok::<(), multibin::costs::CostTableError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct BatchTimes {
    /// The measurements that the seconds come from; only `prefill` is used.
    measured: Measurements,
    max_rows: u32,
    /// The seconds of 1 to `max_rows` rows at each length point, then at one more. That is as far
    /// beyond the last as the last is from the one before.
    seconds: Vec<f32>,
    points: Points,
}

/// The seconds of all numbers of rows at one length: `low + part * (high - low)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column<'a> {
    pub(crate) low: &'a [f32],
    pub(crate) high: &'a [f32],
    pub(crate) part: f32,
}

impl BatchTimes {
    /// The most numbers that a table of seconds may hold: rows × length points.
    const MAX_SIZE: usize = 1 << 25;

    /// The most rows of a batch that a scheduler cuts by costs. Larger batches are full bins.
    pub const MOST_ROWS: u32 = 256;

    /// Makes the table from a grid of seconds in the order `[rows][lengths]`, flat.
    ///
    /// ```
    /// use multibin::costs::BatchTimes;
    ///
    /// let refused = BatchTimes::new(vec![2, 1], vec![0], vec![0.1, 0.1], 8).unwrap_err();
    /// assert_eq!(refused.to_string(), "rows[1] must be above 2, got 1");
    /// ```
    ///
    /// # Errors
    /// [`CostTableError`] for an axis that does not increase, a grid of the wrong size, and a value
    /// that is no time. Also for no rows, and for more rows than memory is kept for.
    pub fn new(
        rows: Vec<u32>,
        lengths: Vec<u32>,
        seconds: Vec<f64>,
        max_rows: u32,
    ) -> Result<Self, CostTableError> {
        let nothing = vec![0.0; seconds.len()];
        let measured = Measurements {
            rows,
            tokens: lengths,
            step: nothing.clone(),
            prefill: seconds,
            moved: nothing,
            counts: Counts::Longest,
        };
        Self::from_table(&CostTable::new(measured)?, max_rows)
    }

    /// Makes the table from the `prefill` of measurements that count the longest row.
    ///
    /// ```
    /// use multibin::costs::{BatchTimes, CostTable, Counts, Measurements};
    ///
    /// let table = CostTable::new(Measurements {
    ///     rows: vec![1, 2],
    ///     tokens: vec![0, 10],
    ///     step: vec![0.0; 4],
    ///     prefill: vec![1.0, 2.0, 3.0, 4.0],
    ///     moved: vec![0.0; 4],
    ///     counts: Counts::Longest,
    /// })?;
    /// assert_eq!(BatchTimes::from_table(&table, 2)?.seconds(2, 5), 3.5);
    /// # Ok::<(), multibin::costs::CostTableError>(())
    /// ```
    ///
    /// # Errors
    /// [`CostTableError`] for a table that counts the mean, no rows, and more rows than memory is
    /// kept for.
    pub fn from_table(table: &CostTable, max_rows: u32) -> Result<Self, CostTableError> {
        let CostTable(measured) = table;
        if measured.counts != Counts::Longest {
            return Err(CostTableError::CountsMean);
        }
        let most = (Self::MAX_SIZE / (measured.tokens.len() + 1)) as u32;
        if !(1..=most).contains(&max_rows) {
            return Err(CostTableError::MaxRows { max_rows, most });
        }
        Ok(Self {
            seconds: dense(measured, max_rows),
            points: Points::new(&measured.tokens),
            max_rows,
            measured: measured.clone(),
        })
    }

    /// Returns the table for another largest number of rows.
    ///
    /// ```
    /// # use multibin::costs::BatchTimes;
    /// let times = BatchTimes::new(vec![1, 2], vec![0], vec![1.0, 1.5], 2)?;
    /// assert_eq!(times.with_max_rows(4)?.seconds(4, 7), 2.5);
    /// # Ok::<(), multibin::costs::CostTableError>(())
    /// ```
    ///
    /// # Errors
    /// [`CostTableError`] for no rows, and more rows than memory is kept for.
    pub fn with_max_rows(&self, max_rows: u32) -> Result<Self, CostTableError> {
        Self::from_table(&CostTable(self.measured.clone()), max_rows)
    }

    /// Returns the measurements that the seconds come from.
    ///
    /// ```
    /// # use multibin::costs::BatchTimes;
    /// let times = BatchTimes::new(vec![1], vec![0], vec![1.0], 8)?;
    /// assert_eq!(times.measurements().prefill, [1.0]);
    /// # Ok::<(), multibin::costs::CostTableError>(())
    /// ```
    #[must_use]
    pub fn measurements(&self) -> &Measurements {
        &self.measured
    }

    /// Returns the largest number of rows.
    ///
    /// ```
    /// # use multibin::costs::BatchTimes;
    /// let times = BatchTimes::new(vec![1], vec![0], vec![1.0], 8)?;
    /// assert_eq!(times.max_rows(), 8);
    /// # Ok::<(), multibin::costs::CostTableError>(())
    /// ```
    #[must_use]
    pub fn max_rows(&self) -> u32 {
        self.max_rows
    }

    /// Returns the seconds of a batch of `rows` rows, of which the longest has length `longest`.
    ///
    /// ```
    /// # use multibin::costs::BatchTimes;
    /// let times = BatchTimes::new(vec![1, 2], vec![0, 10], vec![0.0, 1.0, 0.0, 2.0], 2)?;
    /// assert_eq!((times.seconds(1, 5), times.seconds(2, 20)), (0.5, 4.0));
    /// # Ok::<(), multibin::costs::CostTableError>(())
    /// ```
    ///
    /// # Panics
    /// If `rows` is 0 or above [`BatchTimes::max_rows`].
    #[must_use]
    pub fn seconds(&self, rows: u32, longest: u32) -> f64 {
        f64::from(self.column(longest).at(rows as usize - 1))
    }

    /// Writes the seconds of batches of 1, 2, … rows whose longest row has length `longest`, as
    /// many as `seconds` has room for.
    ///
    /// ```
    /// # use multibin::costs::BatchTimes;
    /// let times = BatchTimes::new(vec![1, 2], vec![0, 10], vec![0.0, 1.0, 0.0, 2.0], 2)?;
    /// let mut seconds = [0.0; 2];
    /// times.of_length(10, &mut seconds);
    /// assert_eq!(seconds, [1.0, 2.0]);
    /// # Ok::<(), multibin::costs::CostTableError>(())
    /// ```
    ///
    /// # Panics
    /// If `seconds` is longer than [`BatchTimes::max_rows`].
    pub fn of_length(&self, longest: u32, seconds: &mut [f32]) {
        let Column { low, high, part } = self.column(longest);
        let (low, high) = (&low[..seconds.len()], &high[..seconds.len()]);
        for ((seconds, low), high) in seconds.iter_mut().zip(low).zip(high) {
            *seconds = low + part * (high - low);
        }
    }

    /// Returns the seconds of all numbers of rows at one length.
    #[inline]
    pub(crate) fn column(&self, longest: u32) -> Column<'_> {
        let (below, part) = self.points.find(longest);
        let rows = self.max_rows as usize;
        let (low, high) = self.seconds[below * rows..][..2 * rows].split_at(rows);
        Column { low, high, part }
    }
}

impl Column<'_> {
    /// Returns the seconds of `row` + 1 rows.
    #[inline]
    pub(crate) fn at(&self, row: usize) -> f32 {
        self.low[row] + self.part * (self.high[row] - self.low[row])
    }
}

/// Interpolates `prefill` at every number of rows, one length point after the other, and adds a
/// point beyond the last.
fn dense(measured: &Measurements, max_rows: u32) -> Vec<f32> {
    let width = measured.tokens.len();
    let on_axis = |rows| AxisPosition::on(&measured.rows, f64::from(rows));
    let rows: Vec<AxisPosition> = (1..=max_rows).map(on_axis).collect();
    let at = |column: usize, row: &AxisPosition| {
        row.interpolate(|row| measured.prefill[row * width + column])
    };
    let beyond = |row| {
        let last = at(width - 1, row);
        last + width.checked_sub(2).map_or(0.0, |before| (last - at(before, row)).max(0.0))
    };
    let points = (0..width).flat_map(|column| rows.iter().map(move |row| at(column, row)));
    let seconds = points.chain(rows.iter().map(beyond));
    seconds.map(|seconds| seconds.min(MAX_SECONDS) as f32).collect()
}

/// The length points, with an index of where to begin a search.
#[derive(Debug, Clone, PartialEq)]
struct Points {
    /// The length points, then one as far beyond the last as the last is from the one before.
    lengths: Vec<u64>,
    /// One over the distance to the next point.
    steps: Vec<f32>,
    /// For each stretch of 2^`shift` lengths from the first point on, the last point not above its
    /// begin.
    begins: Vec<u32>,
    shift: u32,
}

impl Points {
    /// Most stretches of the index.
    const STRETCHES: u64 = 1 << 12;

    fn new(given: &[u32]) -> Self {
        let mut lengths: Vec<u64> = given.iter().map(|&length| length.into()).collect();
        let last = lengths[lengths.len() - 1];
        let before = lengths.len().checked_sub(2).map_or(last.saturating_sub(1), |i| lengths[i]);
        lengths.push(last + (last - before).max(1));
        let range = last - lengths[0];
        let shift = (0..u32::BITS).find(|shift| range >> shift < Self::STRETCHES).unwrap_or(0);
        let begin = |stretch: u64| lengths[0] + (stretch << shift);
        let last_at = |at: u64| (lengths.partition_point(|&point| point <= at) - 1) as u32;
        let begins = (0..=range >> shift).map(|stretch| last_at(begin(stretch))).collect();
        let steps = lengths.windows(2).map(|pair| 1.0 / (pair[1] - pair[0]) as f32).collect();
        Self { lengths, steps, begins, shift }
    }

    /// Returns the point before a length, and which share of the way to the next one it is.
    #[inline]
    fn find(&self, length: u32) -> (usize, f32) {
        let at = u64::from(length).max(self.lengths[0]);
        let stretch = ((at - self.lengths[0]) >> self.shift) as usize;
        let mut below = self.begins[stretch.min(self.begins.len() - 1)] as usize;
        let (mut point, mut next) = (self.lengths[below], self.lengths[below + 1]);
        while next <= at && below + 2 < self.lengths.len() {
            below += 1;
            (point, next) = (next, self.lengths[below + 1]);
        }
        // Both are lengths, and the point is not above.
        (below, ((at - point) as u32) as f32 * self.steps[below])
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::super::table::strategies::measurements;
    use super::*;

    proptest! {
        #[test]
        fn equals_the_table(
            measured in measurements(), max_rows in 1u32..50, longest in 0u32..300
        ) {
            let measured = Measurements { counts: Counts::Longest, ..measured };
            let table = CostTable::new(measured.clone()).unwrap();
            let times = BatchTimes::from_table(&table, max_rows).unwrap();
            let mut all = vec![0.0; max_rows as usize];
            times.of_length(longest, &mut all);
            for (rows, &seconds) in (1..=max_rows).zip(&all) {
                let row = AxisPosition::on(&measured.rows, rows.into());
                let expected = table.at(&measured.prefill, row, longest.into());
                prop_assert_eq!(times.seconds(rows, longest), f64::from(seconds));
                // What single precision loses between two points grows with the way beyond them.
                let Column { low, high, part } = times.column(longest);
                let lost = f32::EPSILON * part * low[rows as usize - 1].max(high[rows as usize - 1]);
                let allowed = 1e-5 * expected.max(0.1) + 2.0 * f64::from(lost);
                let near = (f64::from(seconds) - expected).abs() <= allowed;
                prop_assert!(near, "{rows} x {longest}: {seconds} for {expected}");
            }
        }

        #[test]
        fn points_far_apart_are_found(
            lengths in prop::collection::btree_set(any::<u32>(), 1..40), at in any::<u32>()
        ) {
            let lengths: Vec<u32> = lengths.into_iter().collect();
            let (below, part) = Points::new(&lengths).find(at);
            let expected = lengths.partition_point(|&length| length <= at).saturating_sub(1);
            prop_assert_eq!(below, expected);
            prop_assert!(part >= 0.0 && (part <= 1.0 || below + 1 == lengths.len()));
        }
    }

    #[test]
    fn what_makes_no_table_is_named() {
        let grid = |max_rows| BatchTimes::new(vec![1, 2], vec![0], vec![1.0, 1.0], max_rows);
        let message = |max_rows| grid(max_rows).unwrap_err().to_string();
        assert_eq!(message(0), "max_rows must be between 1 and 16777216, got 0");
        assert_eq!(message(1 << 25), "max_rows must be between 1 and 16777216, got 33554432");
        let axes = || (vec![1], vec![0]);
        let (rows, tokens) = axes();
        let [step, prefill, moved] = [(); 3].map(|()| vec![0.0]);
        let counts = Counts::Mean;
        let measured = Measurements { rows, tokens, step, prefill, moved, counts };
        let refused = BatchTimes::from_table(&CostTable::new(measured).unwrap(), 1).unwrap_err();
        assert_eq!(refused.to_string(), "counts must be longest, got mean");
    }

    #[test]
    fn huge_times_stay_numbers() {
        let times = BatchTimes::new(vec![1], vec![0, 1], vec![0.0, f64::MAX], 2).unwrap();
        assert!(!times.seconds(2, u32::MAX).is_nan());
    }
}
