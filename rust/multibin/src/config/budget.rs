//! A bound of what a batch costs.

/// A bound of what a batch costs, beside its number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Budget {
    /// Rows × the longest: what padded or fixed shapes pay. A row is as long as its predicted
    /// length, or one step longer than its progress; with [`Overrun::Climb`](crate::Overrun::Climb)
    /// the batch's limit is lowered so that the longest progress + limit stays within it.
    Padded(u64),
    /// The sum of the rows' [`cost`](crate::Options::cost).
    Sum(u64),
}

impl Budget {
    /// What a request costs that is alone.
    pub(crate) fn alone(self, length: u32, cost: u32) -> u64 {
        match self {
            Self::Padded(_) => u64::from(length.max(1)),
            Self::Sum(_) => u64::from(cost),
        }
    }

    /// The bound.
    #[must_use]
    pub fn most(self) -> u64 {
        match self {
            Self::Padded(most) | Self::Sum(most) => most,
        }
    }
}
