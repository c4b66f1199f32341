//! Other people's ways to form batches, and other ways of ours, to compare with what ships.
//!
//! Nothing here can be reached from a scheduler. Every former here leaves when a server asks and
//! something waits, and its rows run to their end.

mod heaviest;
mod lanes;
mod look_ahead;
mod nearest;
mod rule;
mod shortest;
mod sorted;
#[cfg(all(test, not(loom)))]
mod testing;

use super::check::{check, check_resident};
use super::clock;
use super::continuous::Continuous;
use super::error::SimulateError;
use super::records::{Outcome, Records, RequestColumns, recorded};
use super::run::Run;
use super::workload::{Servers, Workload};
use crate::config::ConfigError;
use crate::config::Overrun;
use crate::edges::Edges;
use heaviest::HeaviestBin;
pub(super) use lanes::{Lanes, Lengths};
use look_ahead::LookAhead;
use nearest::Nearest;
use rule::{Played, Rule};
use shortest::ShortestFirst;
use sorted::Sorted;
#[cfg(all(test, not(loom)))]
pub(super) use testing::{LINEAR, table, times, workloads};

/// What is compared with the former that ships. "Nearest" and "shortest" mean predicted lengths;
/// of two that are equally near the lower goes first, of two that are alike the older.
#[derive(Debug, Clone, PartialEq)]
pub enum Baseline {
    /// The `window` oldest are sorted and cut into batches, which leave before any other is
    /// looked at (Sequence Scheduling, arXiv 2305.13144).
    SortedWindow {
        /// Requests that are sorted together; fewer if fewer wait.
        window: u32,
        /// Upper length, batch size: a cell of lengths and its batches, in increasing lengths; the
        /// last cell is open. One pair makes all batches alike; [`Baseline::VBS`] is the paper's
        /// table. What remains of a cell goes into the next one if it is fewer than half a batch
        /// or than the smallest size (as in the authors' code).
        sizes: Vec<(u32, u32)>,
    },
    /// Shortest first, but a request that was passed over too often goes before the others (the starvation
    /// rule of Learning to Rank, arXiv 2408.15792). Its quantum ends a promotion after so many
    /// steps; here no row is interrupted and it has no effect.
    ShortestFirst {
        /// Rows of a batch.
        batch_size: u32,
        /// Batches that left without it after which a request is promoted; 200 in the paper.
        patience: u64,
    },
    /// The oldest leads, the nearest among the next oldest follow (after mlx-lm #1541, which
    /// chooses them by the padding of prompts).
    LookAhead {
        /// Rows of a batch.
        batch_size: u32,
        /// The oldest that are looked at, the leader among them; 4 × `batch_size` is suggested
        /// there.
        window: u32,
    },
    /// The oldest leads, the nearest of all that wait follow.
    Nearest {
        /// Rows of a batch.
        batch_size: u32,
        /// Whether the oldest leave together while fewer than 1.6 batches wait: rule 1 of what
        /// ships.
        light_load: bool,
    },
    /// The bin whose first `batch_size` requests weigh most leads, topped up from the nearest bins
    /// as in what ships.
    HeaviestBin {
        /// Rows of a batch.
        batch_size: u32,
        /// The bins.
        edges: Edges,
        /// What a request weighs.
        weight: Weight,
        /// Whether the oldest leave together while fewer than 1.6 batches wait: rule 1 of what
        /// ships.
        light_load: bool,
    },
    /// Continuous batching: a finished row's slot is given to a request that waits.
    ///
    /// [`LinearCosts::fixed`](super::LinearCosts::fixed) counts once whenever requests join,
    /// `prompt_token` for those that join, `moved_row` never. [`Completion::Batch`](super::Completion::Batch)
    /// answers at the end of the chunk. A batch of the records is the whole time from a server's
    /// joining an empty server until it is empty again: its rows are all that were in it. Its steps
    /// are those of all its spans, and those that its requests computed and wasted are at most as many
    /// for each slot.
    Continuous {
        /// Slots of a server.
        rows: u32,
        /// Steps between refills; 1 refills at every step, `u32::MAX` when all rows have ended.
        chunk: u32,
        /// Which request joins first.
        order: ContinuousOrder,
    },
}

/// What a request weighs in its bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Its wait since arrival.
    Wait,
    /// Its wait since arrival, squared.
    WaitSquared,
}

/// Which request joins a running batch first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContinuousOrder {
    /// The oldest.
    Fifo,
    /// The longest by prediction.
    Longest,
    /// The shortest by prediction.
    Shortest,
}

/// Plays `workload` through a baseline.
///
/// # Errors
/// [`SimulateError`] when an argument is out of range.
pub fn simulate_baseline(
    workload: &Workload,
    baseline: &Baseline,
    servers: &Servers,
) -> Result<Records, SimulateError> {
    recorded(workload, |requests| simulate_baseline_into(workload, baseline, servers, requests))
}

/// As [`simulate_baseline`], with the requests' records in memory of the caller's.
///
/// # Errors
/// [`SimulateError`] when an argument is out of range.
pub fn simulate_baseline_into(
    workload: &Workload,
    baseline: &Baseline,
    servers: &Servers,
    requests: RequestColumns<'_>,
) -> Result<Outcome, SimulateError> {
    check(workload, servers, &requests)?;
    baseline.check()?;
    check_resident(servers, baseline.rows() as usize)?;
    clock::play(workload, servers, requests, |workload, servers, _, requests| {
        baseline.play(workload, servers, requests)
    })
}

impl Baseline {
    /// Sequence Scheduling's batch sizes by predicted length.
    pub const VBS: [(u32, u32); 5] = [(50, 256), (100, 128), (150, 64), (200, 32), (250, 16)];

    fn check(&self) -> Result<(), SimulateError> {
        match *self {
            Self::SortedWindow { window, ref sizes } => {
                at_least("window", window, 1)?;
                check_sizes(sizes)
            }
            Self::ShortestFirst { batch_size, .. }
            | Self::Nearest { batch_size, .. }
            | Self::HeaviestBin { batch_size, .. } => check_batch_size(batch_size),
            Self::LookAhead { batch_size, window } => {
                check_batch_size(batch_size)?;
                at_least("window", window, batch_size)
            }
            Self::Continuous { rows, chunk, .. } => {
                at_least("rows", rows, 1)?;
                at_least("chunk", chunk, 1)
            }
        }
    }

    /// Rows of its largest batch.
    fn rows(&self) -> u32 {
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

    fn play(
        &self,
        workload: &Workload,
        servers: &Servers,
        requests: RequestColumns<'_>,
    ) -> Result<Outcome, SimulateError> {
        match self {
            Self::SortedWindow { window, sizes } => {
                play(Sorted::new(workload, *window, sizes), workload, servers, requests)
            }
            Self::ShortestFirst { batch_size, patience } => play(
                ShortestFirst::new(workload, *batch_size, *patience),
                workload,
                servers,
                requests,
            ),
            Self::LookAhead { batch_size, window } => {
                play(LookAhead::new(workload, *batch_size, *window), workload, servers, requests)
            }
            Self::Nearest { batch_size, light_load } => {
                play(Nearest::new(workload, *batch_size, *light_load), workload, servers, requests)
            }
            Self::HeaviestBin { batch_size, edges, weight, light_load } => {
                let rule = HeaviestBin::new(workload, *batch_size, edges, *weight, *light_load);
                play(rule, workload, servers, requests)
            }
            Self::Continuous { rows, chunk, order } => {
                Continuous::new(workload, servers, *rows, *chunk, *order, requests).play()
            }
        }
    }
}

fn play(
    rule: impl Rule,
    workload: &Workload,
    servers: &Servers,
    requests: RequestColumns<'_>,
) -> Result<Outcome, SimulateError> {
    Run::new(Played::new(rule, workload), workload, servers, Overrun::Finish, requests).play()
}

fn at_least(argument: &'static str, value: u32, least: u32) -> Result<(), SimulateError> {
    if value >= least { Ok(()) } else { Err(SimulateError::TooSmall { argument, value, least }) }
}

fn check_batch_size(batch_size: u32) -> Result<(), SimulateError> {
    if batch_size == 0 { Err(ConfigError::BatchSize.into()) } else { Ok(()) }
}

fn check_sizes(sizes: &[(u32, u32)]) -> Result<(), SimulateError> {
    if sizes.is_empty() {
        return Err(SimulateError::NoSizes);
    }
    for &(_, size) in sizes {
        check_batch_size(size)?;
    }
    match sizes.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
        Some(pair) => Err(SimulateError::Cells { length: pair[1].0, previous: pair[0].0 }),
        None => Ok(()),
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
