//! The bound of a batch's cost.

/// A bound of a batch's cost, beside its number of rows.
///
/// ```
/// use multibin::{Budget, Config, Edges, Scheduler, SubmitError};
///
/// let config = Config { budget: Some(Budget::Padded(100)), ..Config::new(8) };
/// let scheduler = Scheduler::new(Edges::new(&[0, 64])?, config)?;
/// scheduler.submit(1, 40)?;
/// scheduler.submit(2, 50)?;
/// assert!(matches!(scheduler.submit(3, 101), Err(SubmitError::Budget { .. })));
/// assert_eq!(scheduler.worker().next_batch(None)?.rows().len(), 2); // 2 × 50 steps
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Budget {
    /// Bounds rows × the longest: the cost of padded or fixed shapes.
    ///
    /// The length of a row is its predicted length, but at least its progress plus one step. With
    /// [`Overrun::Climb`](crate::Overrun::Climb) the batch's limit is lowered: the longest
    /// progress + limit stays within the budget.
    Padded(u64),
    /// Bounds the sum of the rows' [`cost`](crate::Options::cost).
    Sum(u64),
}

impl Budget {
    /// Returns the cost of a batch of one request.
    pub(crate) fn cost_alone(self, length: u32, cost: u32) -> u64 {
        match self {
            Self::Padded(_) => u64::from(length.max(1)),
            Self::Sum(_) => u64::from(cost),
        }
    }

    /// Returns the largest cost that a batch may have.
    ///
    /// ```
    /// assert_eq!(multibin::Budget::Padded(4_096).max(), 4_096);
    /// ```
    #[must_use]
    pub fn max(self) -> u64 {
        match self {
            Self::Padded(max) | Self::Sum(max) => max,
        }
    }

    /// Returns the same kind of budget with another bound.
    pub(super) fn with_max(self, max: u64) -> Self {
        match self {
            Self::Padded(_) => Self::Padded(max),
            Self::Sum(_) => Self::Sum(max),
        }
    }
}
