//! What was measured: two axes and a grid of seconds for each part of a batch.

/// How many cached positions a batch counts with, if those of its rows differ.
///
/// ```
/// use multibin::costs::{CostTable, Costs, Counts, Measurements, RunningRow};
///
/// let seconds = |counts| {
///     let (rows, tokens, step) = (vec![2], vec![0, 100], vec![0.0, 1.0]);
///     let [prefill, moved] = [(); 2].map(|()| vec![0.0; 2]);
///     let measured = Measurements { rows, tokens, step, prefill, moved, counts };
///     let model = CostTable::new(measured).unwrap().into();
///     let rows = [20, 40].map(|age| RunningRow { age, steps: 2, new: true, cached: 0 });
///     Costs { model, ..Default::default() }.time(&rows, &mut Vec::new()).end
/// };
/// assert_eq!((seconds(Counts::Longest), seconds(Counts::Mean)), (0.4, 0.3));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// All unfinished rows count the positions of the longest of them: padded attention.
    Longest,
    /// All unfinished rows count their mean number of positions: attention by row.
    Mean,
}

/// The measurements of a [`CostTable`](super::CostTable). Grids are in the order
/// `[rows][tokens]`, flat.
///
/// ```
/// use multibin::costs::{CostTable, Counts, Measurements};
///
/// let measured = Measurements {
///     rows: vec![1, 8],
///     tokens: vec![0, 1_000],
///     step: vec![0.01, 0.02, 0.03, 0.05],
///     prefill: vec![0.02, 0.10, 0.04, 0.50],
///     moved: vec![0.0; 4],
///     counts: Counts::Longest,
/// };
/// assert!(CostTable::new(measured).is_ok());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Measurements {
    /// The axis of rows: numbers of rows, increasing, at least 1.
    pub rows: Vec<u32>,
    /// The axis of tokens: cached positions per row, increasing.
    pub tokens: Vec<u32>,
    /// Seconds of one decode step, by rows and positions of each row.
    pub step: Vec<f64>,
    /// Seconds to start new rows, by rows and tokens of each prompt. The first token is included.
    /// Tokens that a prefix cache has do not count.
    pub prefill: Vec<f64>,
    /// Seconds to park rows and to take them up again, by rows and positions of each row's state.
    pub moved: Vec<f64>,
    /// How many cached positions a batch counts with, if those of its rows differ.
    pub counts: Counts,
}
