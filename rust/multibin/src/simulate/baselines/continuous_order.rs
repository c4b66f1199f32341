//! The order of [`Baseline::Continuous`](super::Baseline::Continuous).

/// Which waiting request joins a running batch first.
///
/// ```
/// use multibin::simulate::{Arrivals, Baseline, ContinuousOrder, Servers, Workload};
/// # use multibin::simulate::simulate_baseline;
///
/// let workload = Workload {
///     arrivals: Arrivals::At(vec![0; 3]),
///     predicted: vec![1, 5, 9],
///     actual: vec![1, 5, 9],
///     prompts: vec![0; 3],
///     ..Workload::default()
/// };
/// let order = ContinuousOrder::Longest;
/// let baseline = Baseline::Continuous { rows: 1, chunk: 1, order };
/// let requests =
///     simulate_baseline(&workload, &baseline, &Servers::new(1, Default::default()))?.requests;
/// assert!(requests.start[2] < requests.start[1]);
/// # Ok::<(), multibin::simulate::SimulateError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContinuousOrder {
    /// The oldest.
    Fifo,
    /// The one with the longest prediction.
    Longest,
    /// The one with the shortest prediction.
    Shortest,
}
