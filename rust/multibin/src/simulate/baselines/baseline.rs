//! The baselines and their parameters.

use super::continuous_order::ContinuousOrder;
use super::weight::Weight;
use crate::edges::Edges;

/// A way to form batches, to compare with the scheduler's.
///
/// "Nearest" and "shortest" compare predicted lengths. Of two equally near lengths the lower goes
/// first; of two equal ones the older request.
///
/// ```
/// use multibin::simulate::{Arrivals, Baseline, Servers, Workload, simulate_baseline};
///
/// let workload = Workload {
///     arrivals: Arrivals::At(vec![0; 5]),
///     predicted: vec![5, 9, 2, 8, 3],
///     actual: vec![5, 9, 2, 8, 3],
///     prompts: vec![0; 5],
///     ..Workload::default()
/// };
/// let nearest = Baseline::Nearest { batch_size: 2, light_load: false };
/// let servers = Servers::new(1, Default::default());
/// let records = simulate_baseline(&workload, &nearest, &servers)?;
/// // The first request finds an idle server, the others wait.
/// assert_eq!(records.requests.batch, [0, 1, 2, 1, 2]);
/// # Ok::<(), multibin::simulate::SimulateError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Baseline {
    /// The `window` oldest requests are sorted and cut into batches, which all leave before a later
    /// request is looked at (Sequence Scheduling, arXiv 2305.13144).
    SortedWindow {
        /// Requests that are sorted together; fewer if fewer wait.
        window: u32,
        /// Cells of lengths, in increasing order: the upper length of each and the size of its
        /// batches. The last cell is open.
        ///
        /// One pair makes all batches alike; [`Baseline::VBS`] is the paper's table. The rest of a
        /// cell joins the next one if it is smaller than half a batch or than the smallest size.
        /// The authors' code does so.
        sizes: Vec<(u32, u32)>,
    },
    /// The shortest requests lead, but a request that was bypassed too often goes first: the
    /// starvation rule of Learning to Rank (arXiv 2408.15792).
    ///
    /// Its quantum ends a promotion after some steps. No row is interrupted here, so it has no
    /// effect.
    ShortestFirst {
        /// Rows of a batch.
        batch_size: u32,
        /// Batches that left without a request before it is promoted; 200 in the paper.
        patience: u64,
    },
    /// The oldest request leads, the nearest among the next oldest follow. After mlx-lm #1541,
    /// which chooses them by the padding of prompts.
    LookAhead {
        /// Rows of a batch.
        batch_size: u32,
        /// The oldest requests that are looked at, including the leader; #1541 suggests
        /// 4 × `batch_size`.
        window: u32,
    },
    /// The oldest request leads, the nearest of all waiting requests follow.
    Nearest {
        /// Rows of a batch.
        batch_size: u32,
        /// True if the oldest requests leave together while fewer than 1.6 batches wait: the
        /// scheduler's rule 1.
        light_load: bool,
    },
    /// The bin whose first `batch_size` requests weigh most leads. The nearest bins fill the batch,
    /// as in the scheduler.
    HeaviestBin {
        /// Rows of a batch.
        batch_size: u32,
        /// The edges of the bins.
        edges: Edges,
        /// What a request weighs.
        weight: Weight,
        /// True if the oldest requests leave together while fewer than 1.6 batches wait: the
        /// scheduler's rule 1.
        light_load: bool,
    },
    /// Continuous batching: a waiting request takes the slot of a finished row.
    ///
    /// [`LinearCosts::fixed`](crate::costs::LinearCosts::fixed) counts once whenever requests join,
    /// `prompt_token` for those that join, and `moved_row` never. With
    /// [`Completion::Batch`](crate::costs::Completion::Batch) a request completes when its last
    /// chunk ends.
    ///
    /// A batch of the records is a busy time of a server, from the first row that joins it until it
    /// is empty again. Its rows are all rows that were in it, its steps are those of all its spans.
    Continuous {
        /// Slots of a server.
        rows: u32,
        /// Steps between refills: 1 refills at every step, `u32::MAX` when all rows have ended.
        chunk: u32,
        /// Which waiting request joins first.
        order: ContinuousOrder,
    },
}

impl Baseline {
    /// The batch sizes of Sequence Scheduling by predicted length.
    ///
    /// ```
    /// use multibin::simulate::Baseline;
    ///
    /// let paper = Baseline::SortedWindow { window: 256, sizes: Baseline::VBS.to_vec() };
    /// assert!(matches!(paper, Baseline::SortedWindow { sizes, .. } if sizes[0] == (50, 256)));
    /// ```
    pub const VBS: [(u32, u32); 5] = [(50, 256), (100, 128), (150, 64), (200, 32), (250, 16)];

    /// Returns the number of rows of the largest batch.
    pub(super) fn max_rows(&self) -> u32 {
        match *self {
            Self::SortedWindow { ref sizes, .. } => {
                sizes.iter().map(|&(_, size)| size).max().unwrap_or(0)
            }
            Self::ShortestFirst { batch_size, .. }
            | Self::LookAhead { batch_size, .. }
            | Self::Nearest { batch_size, .. }
            | Self::HeaviestBin { batch_size, .. } => batch_size,
            Self::Continuous { rows, .. } => rows,
        }
    }
}
