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

use super::refill::Refill;
use super::run::Run;
use super::{
    BatchRecords, Records, RequestColumns, Servers, SimulateError, Workload, check, check_resident,
    recorded,
};
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
pub(super) use testing::{times, workloads};

/// Who is compared with the former that ships. "Nearest" and "shortest" mean predicted lengths;
/// of two that are equally near the lower goes first, of two that are alike the older.
#[derive(Debug, Clone, PartialEq)]
pub enum Rival {
    /// The `window` oldest are sorted and cut into batches, which leave before anybody else is
    /// looked at (Sequence Scheduling, arXiv 2305.13144).
    Sorted {
        /// Requests that are sorted together; fewer if fewer wait.
        window: u32,
        /// Upper length, batch size: a cell of lengths and its batches, in increasing lengths; the
        /// last cell is open. One pair makes all batches alike; [`Rival::VBS`] is the paper's
        /// table. What remains of a cell goes into the next one if it is fewer than half a batch
        /// or than the smallest size (as in the authors' code).
        sizes: Vec<(u32, u32)>,
    },
    /// Shortest first, but who was passed over too often goes before the others (the starvation
    /// rule of Learning to Rank, arXiv 2408.15792). Its quantum ends a promotion after so many
    /// steps; here nobody is interrupted and it has no effect.
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
        few: bool,
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
        few: bool,
    },
    /// Continuous batching: a finished row's slot is given to somebody who waits.
    ///
    /// [`Linear::fixed`](super::Linear::fixed) counts once whenever requests join,
    /// `prompt_token` for those who join, `moved_row` never. [`Answer::Batch`](super::Answer::Batch)
    /// answers at the end of the chunk. A batch of the records is the whole time from a server's
    /// joining an empty server until it is empty again: its rows are all that were in it.
    Refill {
        /// Slots of a server.
        rows: u32,
        /// Steps between refills; 1 refills at every step, `u32::MAX` when all rows have ended.
        chunk: u32,
        /// Who joins first.
        order: RefillOrder,
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

/// Who joins a running batch first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefillOrder {
    /// The oldest.
    Fifo,
    /// The longest by prediction.
    Longest,
    /// The shortest by prediction.
    Shortest,
}

/// Plays `workload` through a rival.
///
/// # Errors
/// [`SimulateError`] when an argument is out of range.
pub fn simulate_rival(
    workload: &Workload,
    rival: &Rival,
    servers: &Servers,
) -> Result<Records, SimulateError> {
    recorded(workload, |requests| simulate_rival_into(workload, rival, servers, requests))
}

/// As [`simulate_rival`], with the requests' records in memory of the caller's.
///
/// # Errors
/// [`SimulateError`] when an argument is out of range.
pub fn simulate_rival_into(
    workload: &Workload,
    rival: &Rival,
    servers: &Servers,
    requests: RequestColumns<'_>,
) -> Result<BatchRecords, SimulateError> {
    check(workload, servers, &requests)?;
    rival.check()?;
    check_resident(servers, rival.rows() as usize)?;
    Ok(rival.play(workload, servers, requests))
}

impl Rival {
    /// Sequence Scheduling's batch sizes by predicted length.
    pub const VBS: [(u32, u32); 5] = [(50, 256), (100, 128), (150, 64), (200, 32), (250, 16)];

    fn check(&self) -> Result<(), SimulateError> {
        match *self {
            Self::Sorted { window, ref sizes } => {
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
            Self::Refill { rows, chunk, .. } => {
                at_least("rows", rows, 1)?;
                at_least("chunk", chunk, 1)
            }
        }
    }

    /// Rows of its largest batch.
    fn rows(&self) -> u32 {
        match *self {
            Self::Sorted { ref sizes, .. } => {
                sizes.iter().map(|&(_, size)| size).max().unwrap_or(0)
            }
            Self::ShortestFirst { batch_size, .. }
            | Self::LookAhead { batch_size, .. }
            | Self::Nearest { batch_size, .. }
            | Self::HeaviestBin { batch_size, .. } => batch_size,
            Self::Refill { rows, .. } => rows,
        }
    }

    fn play(
        &self,
        workload: &Workload,
        servers: &Servers,
        requests: RequestColumns<'_>,
    ) -> BatchRecords {
        match self {
            Self::Sorted { window, sizes } => {
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
            Self::Nearest { batch_size, few } => {
                play(Nearest::new(workload, *batch_size, *few), workload, servers, requests)
            }
            Self::HeaviestBin { batch_size, edges, weight, few } => {
                let rule = HeaviestBin::new(workload, *batch_size, edges, *weight, *few);
                play(rule, workload, servers, requests)
            }
            Self::Refill { rows, chunk, order } => {
                Refill::new(workload, servers, *rows, *chunk, *order, requests).play()
            }
        }
    }
}

fn play(
    rule: impl Rule,
    workload: &Workload,
    servers: &Servers,
    requests: RequestColumns<'_>,
) -> BatchRecords {
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
mod tests {
    use proptest::prelude::*;

    use super::super::{Answer, Cost, Counts, Linear, Measured, Service, Table, simulate};
    use super::testing::workloads;
    use super::*;
    use crate::config::Config;

    /// Sums of binary fractions are exact, whatever the order of the rows in a batch.
    const SERVICE: Service = Service {
        cost: Cost::Linear(Linear {
            fixed: 0.0625,
            prompt_token: 0.003_906_25,
            moved_row: 0.031_25,
            step: 0.031_25,
            row_step: 0.000_976_562_5,
            kv_token: 0.000_122_070_312_5,
            padded_token: 0.000_122_070_312_5,
        }),
        answer: Answer::Row,
    };

    /// A table: more rows and tokens take longer, not in proportion.
    fn measured() -> Service {
        let table = Table::new(Measured {
            rows: vec![1, 3],
            tokens: vec![2, 20, 50],
            step: vec![0.01, 0.02, 0.03, 0.015, 0.03, 0.06],
            prefill: vec![0.05, 0.1, 0.3, 0.07, 0.2, 0.6],
            moved: vec![0.01, 0.02, 0.03, 0.02, 0.03, 0.04],
            counts: Counts::Longest,
        });
        Service { cost: table.unwrap().into(), answer: Answer::Row }
    }

    fn rivals() -> Vec<Rival> {
        let edges = Edges::new(&[0, 8, 16, 32]).unwrap();
        let heaviest =
            |weight, few| Rival::HeaviestBin { batch_size: 3, edges: edges.clone(), weight, few };
        let refill = |chunk, order| Rival::Refill { rows: 3, chunk, order };
        vec![
            Rival::Sorted { window: 9, sizes: vec![(0, 3)] },
            Rival::Sorted { window: 20, sizes: vec![(10, 6), (30, 4), (40, 2)] },
            Rival::ShortestFirst { batch_size: 3, patience: 4 },
            Rival::LookAhead { batch_size: 3, window: 9 },
            Rival::Nearest { batch_size: 3, few: false },
            Rival::Nearest { batch_size: 3, few: true },
            heaviest(Weight::Wait, true),
            heaviest(Weight::WaitSquared, false),
            refill(1, RefillOrder::Longest),
            refill(5, RefillOrder::Shortest),
            refill(u32::MAX, RefillOrder::Fifo),
        ]
    }

    fn fifo(workload: &Workload, batch_size: u32, servers: &Servers) -> Records {
        let edges = Edges::new(&[0, 1]).unwrap();
        simulate(workload, edges, &Config::new(batch_size), servers).unwrap()
    }

    proptest! {
        #[test]
        fn every_request_is_finished_once(
            workload in workloads(),
            count in 1usize..4,
            drain in any::<bool>(),
        ) {
            let servers = Servers { count, service: SERVICE, drain, gate: false, max_resident: None };
            for rival in rivals() {
                let records = simulate_rival(&workload, &rival, &servers).unwrap();
                let requests = &records.requests;
                prop_assert!(requests.entries.iter().all(|&entries| entries == 1));
                prop_assert!(requests.finish.iter().all(|finish| finish.is_finite()));
                let rows: usize = records.batches.rows.iter().map(|&rows| rows as usize).sum();
                prop_assert_eq!(rows, workload.arrivals.len());
                for (i, &batch) in requests.batch.iter().enumerate() {
                    let batch = batch as usize;
                    prop_assert!(requests.start[i] >= times(&workload)[i] as f64 * 1e-9 - 1e-9);
                    prop_assert!(requests.start[i] >= records.batches.start[batch]);
                    prop_assert!(requests.finish[i] <= records.batches.finish[batch] + 1e-9);
                }
            }
        }

        #[test]
        fn without_choice_all_are_a_fifo(workload in workloads(), count in 1usize..4) {
            let servers = Servers { count, service: SERVICE, drain: true, gate: false, max_resident: None };
            let wanted = fifo(&workload, 4, &servers);
            let alike = Workload { predicted: vec![7; workload.arrivals.len()], ..workload.clone() };
            let edges = Edges::new(&[0, 9]).unwrap();
            for (workload, rival) in [
                (&workload, Rival::LookAhead { batch_size: 4, window: 4 }),
                (&workload, Rival::Sorted { window: 4, sizes: vec![(0, 4)] }),
                (&alike, Rival::Nearest { batch_size: 4, few: false }),
                (&alike, Rival::ShortestFirst { batch_size: 4, patience: 3 }),
                (&alike, Rival::HeaviestBin {
                    batch_size: 4, edges, weight: Weight::WaitSquared, few: true,
                }),
            ] {
                let records = simulate_rival(workload, &rival, &servers).unwrap();
                prop_assert_eq!(&records.requests, &wanted.requests, "{:?}", rival);
                prop_assert_eq!(&records.batches.finish, &wanted.batches.finish);
            }
        }

        #[test]
        fn refill_after_the_last_row_is_a_batch(workload in workloads(), count in 1usize..4) {
            let services = [SERVICE, measured()];
            let answers = [Answer::Batch, Answer::Row];
            for (service, answer) in services.iter().flat_map(|s| answers.map(|a| (s, a))) {
                let service = Service { answer, ..service.clone() };
                let servers = Servers { count, service, drain: true, gate: false, max_resident: None };
                let wanted = fifo(&workload, 4, &servers).requests;
                let rival = Rival::Refill { rows: 4, chunk: u32::MAX, order: RefillOrder::Fifo };
                let requests = simulate_rival(&workload, &rival, &servers).unwrap().requests;
                prop_assert_eq!(requests.start, wanted.start);
                prop_assert_eq!(requests.first_token, wanted.first_token);
                prop_assert_eq!(requests.finish, wanted.finish);
                prop_assert_eq!(requests.waste, wanted.waste);
            }
        }
    }

    #[test]
    fn bad_parameters_are_named() {
        let servers =
            Servers { count: 1, service: SERVICE, drain: true, gate: false, max_resident: None };
        let message = |rival: Rival| {
            simulate_rival(&Workload::default(), &rival, &servers).unwrap_err().to_string()
        };
        let sorted = |window, sizes: &[_]| Rival::Sorted { window, sizes: sizes.into() };
        assert_eq!(message(sorted(0, &Rival::VBS)), "window: 0 is less than 1");
        assert!(message(sorted(9, &[])).starts_with("sizes"));
        assert!(message(sorted(9, &[(5, 0)])).starts_with("batch_size: 0"));
        let cells = message(sorted(9, &[(50, 8), (50, 4)]));
        assert_eq!(cells, "sizes: length 50 does not lie above 50");
        let window = message(Rival::LookAhead { batch_size: 8, window: 7 });
        assert_eq!(window, "window: 7 is less than 8");
        assert!(message(Rival::Nearest { batch_size: 0, few: true }).starts_with("batch_size: 0"));
        let refill = |rows, chunk| Rival::Refill { rows, chunk, order: RefillOrder::Fifo };
        assert_eq!(message(refill(0, 1)), "rows: 0 is less than 1");
        assert_eq!(message(refill(1, 0)), "chunk: 0 is less than 1");
    }
}
