//! No server is idle while a batch could leave.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::strategies::{configs, edges, loads, rooms, servers, with_room};
use crate::config::Config;
use crate::policy::{Formed, Former};
use crate::request::{Row, Submission, WorkerId};
use crate::simulate::policy::{FixedFormer, Policy};
use crate::simulate::records::{Records, recorded};
use crate::simulate::scheduler::{former, simulate};
use crate::simulate::simulation::Simulation;
use crate::simulate::workload::{Servers, Workload};

/// A scheduler's batch former that keeps its batches and asserts that idle servers have nothing
/// to do.
struct WatchedFormer {
    former: RefCell<FixedFormer>,
    batches: Vec<Vec<Row>>,
    now: u64,
    closed: bool,
    /// By server, how many new rows its last batch could have.
    max_new: BTreeMap<WorkerId, usize>,
}

impl WatchedFormer {
    fn new(former: Former) -> Self {
        let (former, max_new) = (FixedFormer::new(former).into(), BTreeMap::new());
        Self { former, batches: Vec::new(), now: 0, closed: false, max_new }
    }
}

impl Policy for &mut WatchedFormer {
    fn arrive(&mut self, submission: Submission) -> bool {
        self.now = self.now.max(submission.arrival);
        self.former.get_mut().arrive(submission)
    }

    fn form(&mut self, now: u64, server: WorkerId, closed: bool, max_new: usize) -> Option<Formed> {
        (self.now, self.closed) = (now, closed);
        self.max_new.insert(server, max_new);
        let formed = self.former.get_mut().form(now, server, closed, max_new)?;
        self.batches.push(formed.rows.clone());
        Some(formed)
    }

    fn climb(&mut self, row: Row, server: WorkerId, admitted: u64) {
        self.former.get_mut().climb(row, server, admitted);
    }

    /// Asserts that an idle server can get no batch. The event loop calls this for every idle
    /// server once it has offered batches to all.
    fn deadline(&self, server: WorkerId) -> Option<u64> {
        let max_new = self.max_new.get(&server).copied().unwrap_or(usize::MAX);
        let missed = self.former.borrow_mut().form(self.now, server, self.closed, max_new);
        assert_eq!(missed, None, "server {server} is idle at {}", self.now);
        self.former.borrow().deadline(server)
    }
}

fn simulate_watched(
    workload: &Workload,
    config: &Config,
    servers: &Servers,
) -> (Records, Vec<Vec<Row>>) {
    let mut watched = WatchedFormer::new(former(workload.actual.len(), edges(), config).unwrap());
    let records = recorded(workload, |requests| {
        Simulation::new(&mut watched, workload, servers, config.overrun, requests).run()
    });
    (records.unwrap(), watched.batches)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn no_server_is_idle_while_a_batch_could_leave(
        workload in loads(),
        config in configs(),
        servers in servers(),
        room in rooms(),
    ) {
        let servers = with_room(servers, &config, room);
        let (records, batches) = simulate_watched(&workload, &config, &servers);
        let mut entries = vec![0; workload.actual.len()];
        for (i, rows) in batches.iter().enumerate() {
            prop_assert_eq!(rows.len(), records.batches.rows[i] as usize);
            for row in rows {
                let request = row.key as usize;
                let first = entries[request] == 0;
                entries[request] += 1;
                let start = records.requests.start[request];
                prop_assert_eq!(first, start.to_bits() == records.batches.start[i].to_bits());
                let last = entries[request] == records.requests.entries[request];
                prop_assert_eq!(last, records.requests.batch[request] as usize == i);
            }
        }
        prop_assert_eq!(&entries, &records.requests.entries);
        let servers = Servers { gate: false, ..servers };
        let simulated = simulate(&workload, &edges(), &config, &servers).unwrap();
        // Debug texts, because NaN stands for what did not happen.
        prop_assert_eq!(format!("{simulated:?}"), format!("{records:?}"));
    }
}
