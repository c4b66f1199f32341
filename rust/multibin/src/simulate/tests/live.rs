//! The live scheduler and the simulation form the same batches of the same trace.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::strategies::{LINEAR, overruns, workloads};
use crate::costs::{Completion, CostModel, Costs, LinearCosts};
use crate::policy::Formed;
use crate::request::{Row, Submission, Ticket, WorkerId};
use crate::simulate::policy::Policy;
use crate::simulate::records::recorded;
use crate::simulate::scheduler::simulate;
use crate::simulate::simulation::Simulation;
use crate::simulate::workload::Servers;
use crate::{Batch, Config, Edges, Fill, Order, Scheduler, Worker};

/// The live scheduler with its rings, on the simulation's clock.
struct Live {
    clock: Arc<AtomicU64>,
    scheduler: Scheduler,
    workers: Vec<(Worker, Option<Batch>)>,
    max_wait: Option<u64>,
    /// By ticket, since when a request waits, and the only server that may take it.
    waiting: BTreeMap<Ticket, (u64, Option<WorkerId>)>,
}

impl Live {
    fn new(edges: Edges, config: Config, servers: usize) -> Self {
        let clock = Arc::new(AtomicU64::new(0));
        let max_wait = config.max_wait.map(|wait| wait.as_nanos() as u64);
        let scheduler = Scheduler::virtually(Arc::clone(&clock), edges, config).unwrap();
        let workers = (0..servers).map(|_| (scheduler.worker(), None)).collect();
        Self { clock, scheduler, workers, max_wait, waiting: BTreeMap::new() }
    }
}

impl Policy for Live {
    fn arrive(&mut self, submission: Submission) -> bool {
        self.clock.store(submission.arrival, Ordering::Relaxed);
        let ticket = self.scheduler.submit(submission.key, submission.length).unwrap();
        assert_eq!(ticket, submission.ticket);
        self.waiting.insert(ticket, (submission.arrival, None));
        true
    }

    fn form(&mut self, now: u64, server: WorkerId, closed: bool, _: usize) -> Option<Formed> {
        self.clock.store(now, Ordering::Relaxed);
        if closed {
            self.scheduler.close();
        }
        let (worker, open) = &mut self.workers[server as usize];
        if let Some(batch) = open.take() {
            batch.done();
        }
        let batch = worker.next_batch(Some(Duration::ZERO)).ok()?;
        let rows = batch.rows().to_vec();
        self.waiting.retain(|ticket, _| rows.iter().all(|row| row.ticket != *ticket));
        let formed = Formed::new(rows, batch.limit(), batch.bin(), batch.reason());
        *open = Some(batch);
        Some(formed)
    }

    fn climb(&mut self, row: Row, server: WorkerId, _: u64) {
        self.clock.store(row.entered, Ordering::Relaxed);
        let batch = self.workers[server as usize].1.as_ref().unwrap();
        let position = batch.rows().iter().position(|other| other.ticket == row.ticket);
        batch.resubmit(&[(position.unwrap(), row.progress)], false).unwrap();
        self.waiting.insert(row.ticket, (row.entered, Some(server)));
    }

    /// Returns the next end of a request's `max_wait`: the live scheduler keeps its own deadline.
    fn deadline(&self, server: WorkerId) -> Option<u64> {
        let now = self.clock.load(Ordering::Relaxed);
        let may_take = |holder: &Option<WorkerId>| holder.is_none_or(|holder| holder == server);
        let waiting = self.waiting.values().filter(|(_, holder)| may_take(holder));
        let ends = waiting.map(|(entered, _)| entered + self.max_wait.unwrap_or(0));
        ends.filter(|&end| self.max_wait.is_some() && end > now).min()
    }
}

fn configs() -> impl Strategy<Value = Config> {
    let fill = prop_oneof![Just(Fill::Elastic), Just(Fill::Strict)];
    let orders = [Order::Formed, Order::Oldest, Order::Shortest];
    let order = prop_oneof![Just(None), prop::sample::select(orders.to_vec()).prop_map(Some)];
    let max_parked = prop::option::of(0usize..20);
    let max_wait = prop::option::of((0u64..5_000_000_000).prop_map(Duration::from_nanos));
    (1u32..6, fill, order, overruns(), max_parked, max_wait).prop_map(
        |(batch_size, fill, order, overrun, max_parked, max_wait)| Config {
            max_wait,
            fill,
            order,
            overrun,
            max_parked,
            ..Config::new(batch_size)
        },
    )
}

const COSTS: Costs = Costs {
    model: CostModel::Linear(LinearCosts { padded_token: 0.0, ..LINEAR }),
    completes: Completion::Row,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn live_and_simulated_batches_are_the_same(
        config in configs(),
        workload in workloads(),
        servers in 1usize..4,
        drain in any::<bool>(),
    ) {
        let edges = Edges::new(&[0, 8, 16, 32, 64, 65]).unwrap();
        let servers = Servers { drain, ..Servers::new(servers, COSTS) };
        let simulated = simulate(&workload, &edges, &config, &servers).unwrap();
        let overrun = config.overrun;
        let live = Live::new(edges, config, servers.count);
        let live = recorded(&workload, |requests| {
            Simulation::new(live, &workload, &servers, overrun, requests).run()
        });
        let live = live.unwrap();
        // Debug texts, because NaN stands for what did not happen.
        prop_assert_eq!(format!("{live:?}"), format!("{simulated:?}"));
    }
}
