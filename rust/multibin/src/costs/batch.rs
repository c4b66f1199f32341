//! The rows that a batch runs, and its times.

/// A row of a batch that starts.
///
/// ```
/// use multibin::costs::RunningRow;
///
/// let started = RunningRow { age: 30, steps: 8, new: true, cached: 0 };
/// let resumed = RunningRow { age: started.age + 8, new: false, ..started };
/// assert_eq!(resumed.age, 38);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunningRow {
    /// Tokens that the row has when the batch starts: its prompt and those generated so far.
    pub age: u32,
    /// Steps that the row runs in this batch.
    pub steps: u32,
    /// True if the request starts here, so that its prompt is read; false if it brings its state.
    pub new: bool,
    /// Tokens of a new row's prompt that a prefix cache has, so that they are not computed; at most
    /// `age`. Ignored for other rows.
    pub cached: u32,
}

impl RunningRow {
    /// Returns the tokens of a new row's prompt that are computed.
    pub(super) fn computed(self) -> u32 {
        self.age.saturating_sub(self.cached)
    }
}

/// When a batch's events happen, in seconds after its start.
///
/// ```
/// use multibin::costs::{Costs, LinearCosts, RunningRow, Timing};
///
/// let model = LinearCosts { fixed: 0.5, step: 0.25, ..Default::default() }.into();
/// let row = RunningRow { age: 7, steps: 2, new: true, cached: 0 };
/// let costs = Costs { model, ..Default::default() };
/// let Timing { first_token, end, .. } = costs.time(&[row], &mut Vec::new());
/// assert_eq!((first_token, end), (0.75, 1.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Timing {
    /// The new rows' first tokens are there.
    pub first_token: f64,
    /// The batch ends.
    pub end: f64,
}
