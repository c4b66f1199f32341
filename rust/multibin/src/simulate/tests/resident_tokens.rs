//! The rows and tokens that servers hold equal those counted step by step.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::strategies::{configs, edges, loads, rooms, servers, with_room};
use crate::config::Overrun;
use crate::costs::Completion;
use crate::policy::Formed;
use crate::request::{Row, Submission, WorkerId};
use crate::simulate::policy::{FixedFormer, Policy};
use crate::simulate::records::{Outcome, RequestRecords};
use crate::simulate::scheduler::former;
use crate::simulate::simulation::Simulation;
use crate::simulate::workload::Workload;

/// A batch as it left: its server, rows and limit.
type Left = (WorkerId, Vec<Row>, Option<u32>);

/// A batch former that notes the batches which leave.
struct Noting<'a> {
    former: FixedFormer,
    left: &'a mut Vec<Left>,
}

impl Policy for Noting<'_> {
    fn arrive(&mut self, submission: Submission) -> bool {
        self.former.arrive(submission)
    }

    fn form(&mut self, now: u64, server: WorkerId, closed: bool, max_new: usize) -> Option<Formed> {
        let formed = self.former.form(now, server, closed, max_new)?;
        self.left.push((server, formed.rows.clone(), formed.limit));
        Some(formed)
    }

    fn climb(&mut self, row: Row, server: WorkerId, admitted: u64) {
        self.former.climb(row, server, admitted);
    }

    fn deadline(&self, server: WorkerId) -> Option<u64> {
        self.former.deadline(server)
    }
}

/// A server that counts its tokens after every step.
#[derive(Default)]
struct Naive {
    /// Tokens by request that waits here with its state.
    parked: BTreeMap<u64, u64>,
}

impl Naive {
    /// Runs a batch. Returns the most rows and the most tokens at one time.
    fn run(
        &mut self,
        workload: &Workload,
        (_, rows, limit): &Left,
        overrun: Overrun,
        completes: Completion,
    ) -> (u32, u64) {
        // By request: tokens, steps to its end.
        let mut running = BTreeMap::new();
        for row in rows {
            let (prompt, actual) =
                (workload.prompts[row.key as usize], workload.actual[row.key as usize]);
            let done = if overrun == Overrun::Recompute { 0 } else { row.progress };
            let before = self.parked.remove(&row.key);
            assert_eq!(before, (done > 0).then(|| u64::from(prompt + done)));
            running.insert(row.key, (u64::from(prompt + done), actual - done));
        }
        let most_rows = running.len() + self.parked.len();
        let parked: u64 = self.parked.values().sum();
        let mut most = 0;
        for _ in 0..limit.unwrap_or(u32::MAX) {
            let live = running.values_mut().filter(|(_, left)| *left > 0);
            if live.map(|(tokens, left)| (*tokens, *left) = (*tokens + 1, *left - 1)).count() == 0 {
                break;
            }
            most = most.max(parked + running.values().map(|(tokens, _)| tokens).sum::<u64>());
            if completes == Completion::Row {
                running.retain(|_, (_, left)| *left > 0);
            }
        }
        running.retain(|_, (_, left)| *left > 0);
        if overrun == Overrun::Climb {
            self.parked.extend(running.into_iter().map(|(request, (tokens, _))| (request, tokens)));
        }
        (most_rows as u32, most)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_server_holds_what_is_counted_step_by_step(
        workload in loads(),
        config in configs(),
        servers in servers(),
        room in rooms(),
    ) {
        let servers = with_room(servers, &config, room);
        let (requests, mut left) = (workload.actual.len(), Vec::new());
        let former = FixedFormer::new(former(requests, edges(), &config).unwrap());
        let mut records = RequestRecords::new(requests).unwrap();
        let noting = Noting { former, left: &mut left };
        let simulation =
            Simulation::new(noting, &workload, &servers, config.overrun, records.columns());
        let Outcome { batches, .. } = simulation.run().unwrap();
        let mut naive: BTreeMap<WorkerId, Naive> = BTreeMap::new();
        prop_assert_eq!(left.len(), batches.rows.len());
        for (i, batch) in left.iter().enumerate() {
            let server = naive.entry(batch.0).or_default();
            let expected = server.run(&workload, batch, config.overrun, servers.costs.completes);
            prop_assert_eq!((batches.resident[i], batches.resident_tokens[i]), expected);
        }
    }
}
