//! The rows that a batch runs, and its times.

/// A row of a batch that starts.
///
/// ```
/// use multibin::costs::RunningRow;
///
/// let started = RunningRow { age: 30, steps: 8, new: true };
/// let resumed = RunningRow { age: started.age + 8, new: false, ..started };
/// assert_eq!(resumed.age, 38);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunningRow {
    /// Tokens that the row has when the batch starts: its prompt and those generated so far.
    pub age: u32,
    /// Steps that the row runs in this batch.
    pub steps: u32,
    /// True if the request starts here, so that its prompt is read; false if it brings its state.
    pub new: bool,
}

/// When a batch's events happen, in seconds after its start.
///
/// ```
/// use multibin::costs::{Costs, LinearCosts, RunningRow, Timing};
///
/// let model = LinearCosts { fixed: 0.5, step: 0.25, ..Default::default() }.into();
/// let row = RunningRow { age: 7, steps: 2, new: true };
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
