//! Whatever is played: each step is computed once and counted once, and no server is idle for nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::arrivals::Arrivals;
use super::baselines::{Baseline, ContinuousOrder, Weight, simulate_baseline};
use super::baselines::{LINEAR, table, times, workloads};
use super::records::{Records, recorded};
use super::run::{Policy, Run};
use super::shipped::{former, simulate};
use super::workload::{Servers, Workload};
use crate::config::Budget;
use crate::config::{Config, Fill, Order, Overrun};
use crate::costs::{Completion, CostModel, Costs, Counts, LinearCosts};
use crate::edges::Edges;
use crate::policy::{Formed, Former};
use crate::request::WorkerId;
use crate::request::{Row, Submission};

type Checked = Result<(), TestCaseError>;

/// The bounds of the bins.
const BOUNDS: [u32; 6] = [0, 8, 16, 32, 64, 65];

/// Ends of batches are rounded to nanoseconds.
const ROUNDED: f64 = 2e-9;

fn overruns() -> impl Strategy<Value = Overrun> {
    prop_oneof![Just(Overrun::Finish), Just(Overrun::Climb), Just(Overrun::Recompute)]
}

fn orders() -> impl Strategy<Value = Option<Order>> {
    let orders = [Order::Formed, Order::Oldest, Order::Shortest, Order::Deadline];
    prop_oneof![Just(None), prop::sample::select(orders.to_vec()).prop_map(Some)]
}

fn budgets() -> impl Strategy<Value = Option<Budget>> {
    let sum = (1u64..200).prop_map(|most| Some(Budget::Sum(most)));
    let padded = (1u64..200).prop_map(|most| Some(Budget::Padded(most)));
    prop_oneof![3 => Just(None), 1 => sum, 1 => padded]
}

prop_compose! {
    fn configs()(
        batch_size in 1u32..6,
        batch_sizes in prop::option::of(prop::collection::vec(1u32..6, BOUNDS.len() - 1)),
        fill in prop_oneof![Just(Fill::Elastic), Just(Fill::Strict)],
        overrun in overruns(),
        order in orders(),
        budget in budgets(),
        max_padding in prop::option::of(0.0..1.0f64),
        max_parked in prop::option::of(0usize..20),
        max_wait in prop::option::of(0u64..5_000_000_000),
    ) -> Config {
        let max_wait = max_wait.map(Duration::from_nanos);
        let limits = Config { budget, max_padding, max_wait, max_parked, ..Config::new(batch_size) };
        Config { batch_sizes, fill, order, overrun, ..limits }
    }
}

fn all_costs() -> impl Strategy<Value = Costs> {
    let free = LinearCosts { step: 0.02, ..LinearCosts::default() };
    let costs = [CostModel::from(LINEAR), free.into(), table(Counts::Mean).into()];
    (
        prop::sample::select(costs.to_vec()),
        prop_oneof![Just(Completion::Batch), Just(Completion::Row)],
    )
        .prop_map(|(cost, completes)| Costs { model: cost, completes })
}

prop_compose! {
    fn servers()(
        count in 1usize..6,
        costs in all_costs(),
        drain in any::<bool>(),
        gate in any::<bool>(),
    ) -> Servers {
        Servers { count, costs, drain, gate, max_resident: None }
    }
}

/// With times of its own, or sent by users, the gaps being their pauses.
fn loads() -> impl Strategy<Value = Workload> {
    (workloads(), prop::option::of(1usize..9)).prop_map(|(workload, users)| {
        let Some(count) = users else { return workload };
        let before = times(&workload).iter().fold(vec![0], |mut times, &time| {
            times.push(time);
            times
        });
        let pauses = before.windows(2).map(|pair| pair[1] - pair[0]).collect();
        Workload { arrivals: Arrivals::Users { count, pauses }, ..workload }
    })
}

fn edges() -> Edges {
    Edges::new(&BOUNDS).unwrap()
}

/// Rows of the largest batch.
fn largest(config: &Config) -> u32 {
    let sizes = config.batch_sizes.as_deref();
    sizes.and_then(|sizes| sizes.iter().copied().max()).unwrap_or(config.batch_size)
}

/// How many rows a server holds beside those of a batch.
fn rooms() -> impl Strategy<Value = Option<usize>> {
    prop::option::of(0usize..8)
}

/// With the `room`, where this configuration goes with one.
fn with_room(servers: Servers, config: &Config, room: Option<usize>) -> Servers {
    let strict_climbers = (config.fill, config.overrun) == (Fill::Strict, Overrun::Climb);
    let room = room.filter(|_| !strict_climbers);
    Servers { max_resident: room.map(|room| largest(config) as usize + room), ..servers }
}

/// What the records of a run and of its workload have to do with each other.
struct Books<'a> {
    workload: &'a Workload,
    records: &'a Records,
    overrun: Overrun,
}

impl Books<'_> {
    fn check(&self) -> Checked {
        (0..self.workload.actual.len()).try_for_each(|i| self.check_request(i))?;
        self.check_rows()?;
        self.check_servers()
    }

    fn check_request(&self, i: usize) -> Checked {
        let requests = &self.records.requests;
        let (steps, actual) = (requests.steps[i], u64::from(self.workload.actual[i]));
        let [arrival, start, first, finish] =
            [&requests.arrival, &requests.start, &requests.first_token, &requests.finish]
                .map(|times| times[i]);
        let entries = requests.entries[i];
        prop_assert_eq!(entries > 0, start.is_finite() && first.is_finite());
        prop_assert!(entries == 0 || arrival <= start && start < first);
        prop_assert!(!finish.is_infinite());
        if finish.is_nan() {
            let again = self.overrun == Overrun::Recompute;
            prop_assert!(again || steps < actual);
            prop_assert_eq!(entries == 0, steps == 0);
            return Ok(());
        }
        prop_assert!(first <= finish);
        prop_assert!(steps == actual || steps > actual && entries > 1);
        prop_assert!(steps == actual || self.overrun == Overrun::Recompute);
        let batches = &self.records.batches;
        prop_assert!(batches.start[requests.batch[i] as usize] <= finish);
        prop_assert!(finish <= batches.finish[requests.batch[i] as usize] + ROUNDED);
        Ok(())
    }

    fn check_rows(&self) -> Checked {
        let (requests, batches) = (&self.records.requests, &self.records.batches);
        let rows: u64 = batches.rows.iter().map(|&rows| u64::from(rows)).sum();
        let entries: u64 = requests.entries.iter().map(|&entries| u64::from(entries)).sum();
        prop_assert_eq!(rows, entries);
        Ok(())
    }

    /// One after the other, each for some time.
    fn check_servers(&self) -> Checked {
        let batches = &self.records.batches;
        let mut free = BTreeMap::new();
        for (i, server) in batches.server.iter().enumerate() {
            let (start, finish) = (batches.start[i], batches.finish[i]);
            prop_assert!(start <= finish);
            prop_assert!(i == 0 || batches.start[i - 1] <= start);
            let before = free.insert(server, finish).unwrap_or(0.0);
            prop_assert!(before <= start + ROUNDED, "{} before {}", before, start);
        }
        Ok(())
    }

    /// Of batches whose rows all run from the start to the end.
    fn check_slots(&self) -> Checked {
        let (requests, batches) = (&self.records.requests, &self.records.batches);
        let slots = batches.rows.iter().zip(&batches.steps);
        let slots: u64 = slots.map(|(&rows, &steps)| u64::from(rows) * u64::from(steps)).sum();
        let counted: u64 = requests.steps.iter().chain(&requests.waste).sum();
        prop_assert_eq!(slots, counted);
        Ok(())
    }

    /// Of refill: a busy time has no more slots than rows, nor than the server.
    fn check_busy_times(&self, slots: u32) -> Checked {
        let (requests, batches) = (&self.records.requests, &self.records.batches);
        let mut counted = vec![0; batches.rows.len()];
        for (i, &batch) in requests.batch.iter().enumerate() {
            counted[batch as usize] += requests.steps[i] + requests.waste[i];
        }
        for (i, &counted) in counted.iter().enumerate() {
            let rows = u64::from(batches.rows[i].min(slots));
            prop_assert!(counted <= rows * u64::from(batches.steps[i]));
        }
        Ok(())
    }

    fn check_all_finished(&self) -> Checked {
        prop_assert!(self.records.requests.finish.iter().all(|finish| finish.is_finite()));
        Ok(())
    }
}

/// The shipped former, whose batches are noted and whose idle servers have nothing to do.
struct Watched {
    former: RefCell<Former>,
    batches: Vec<Vec<Row>>,
    now: u64,
    closed: bool,
    /// By server, how many requests its last batch could start.
    starts: BTreeMap<WorkerId, usize>,
}

impl Watched {
    fn new(former: Former) -> Self {
        let (former, starts) = (former.into(), BTreeMap::new());
        Self { former, batches: Vec::new(), now: 0, closed: false, starts }
    }
}

impl Policy for &mut Watched {
    fn arrive(&mut self, submission: Submission) -> bool {
        self.now = self.now.max(submission.arrival);
        Policy::arrive(self.former.get_mut(), submission)
    }

    fn form(&mut self, now: u64, server: WorkerId, closed: bool, starts: usize) -> Option<Formed> {
        (self.now, self.closed) = (now, closed);
        self.starts.insert(server, starts);
        let formed = self.former.get_mut().form(now, server, closed, starts)?;
        self.batches.push(formed.rows.clone());
        Some(formed)
    }

    fn climb(&mut self, row: Row, server: WorkerId, admitted: u64) {
        Policy::climb(self.former.get_mut(), row, server, admitted);
    }

    /// Asked of every idle server once all others have what they want, so that another batch is
    /// one that it should have.
    fn deadline(&self, server: WorkerId) -> Option<u64> {
        let starts = self.starts.get(&server).copied().unwrap_or(usize::MAX);
        let missed = self.former.borrow_mut().form(self.now, server, self.closed, starts);
        assert_eq!(missed, None, "server {server} is idle at {}", self.now);
        self.former.borrow().deadline(server)
    }
}

fn watched(workload: &Workload, config: &Config, servers: &Servers) -> (Records, Vec<Vec<Row>>) {
    let mut watched = Watched::new(former(workload.actual.len(), edges(), config).unwrap());
    let records = recorded(workload, |requests| {
        Run::new(&mut watched, workload, servers, config.overrun, requests).play()
    });
    (records.unwrap(), watched.batches)
}

fn baselines() -> Vec<Baseline> {
    let bin = |weight, light_load| Baseline::HeaviestBin {
        batch_size: 3,
        edges: edges(),
        weight,
        light_load,
    };
    vec![
        Baseline::SortedWindow { window: 9, sizes: vec![(0, 3)] },
        Baseline::SortedWindow { window: 20, sizes: vec![(10, 6), (30, 4), (40, 2)] },
        Baseline::ShortestFirst { batch_size: 3, patience: 4 },
        Baseline::LookAhead { batch_size: 3, window: 9 },
        Baseline::Nearest { batch_size: 3, light_load: true },
        bin(Weight::Wait, true),
        bin(Weight::WaitSquared, false),
    ]
}

fn refills() -> Vec<Baseline> {
    let refill = |chunk, order| Baseline::Continuous { rows: 3, chunk, order };
    vec![
        refill(1, ContinuousOrder::Longest),
        refill(5, ContinuousOrder::Shortest),
        refill(u32::MAX, ContinuousOrder::Fifo),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn the_books_of_bins_balance(
        workload in loads(),
        config in configs(),
        servers in servers(),
        room in rooms(),
    ) {
        let servers = with_room(servers, &config, room);
        let records = simulate(&workload, &edges(), &config, &servers).unwrap();
        let books = Books { workload: &workload, records: &records, overrun: config.overrun };
        books.check()?;
        books.check_slots()?;
        prop_assert!(records.batches.rows.iter().all(|&rows| rows <= largest(&config)));
        let sent = records.requests.arrival.iter().all(|time| time.is_finite());
        let served = config.fill == Fill::Elastic || config.max_wait.is_some();
        prop_assert!(sent || !served);
        if served || servers.drain && sent {
            books.check_all_finished()?;
        }
        prop_assert_eq!(records.adaptation.is_some(), servers.gate);
    }

    #[test]
    fn no_server_is_idle_while_a_batch_could_leave(
        workload in loads(),
        config in configs(),
        servers in servers(),
        room in rooms(),
    ) {
        let servers = with_room(servers, &config, room);
        let (records, batches) = watched(&workload, &config, &servers);
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
        let played = simulate(&workload, &edges(), &config, &servers).unwrap();
        // Debug, because what never happened is NaN.
        prop_assert_eq!(format!("{played:?}"), format!("{records:?}"));
    }

    #[test]
    fn the_books_of_baselines_balance(workload in loads(), servers in servers()) {
        for baseline in baselines().iter().chain(&refills()) {
            let records = simulate_baseline(&workload, baseline, &servers).unwrap();
            let books = Books { workload: &workload, records: &records, overrun: Overrun::Finish };
            books.check()?;
            books.check_all_finished()?;
            prop_assert!(records.requests.entries.iter().all(|&entries| entries == 1));
            match *baseline {
                Baseline::Continuous { rows, .. } => books.check_busy_times(rows)?,
                _ => books.check_slots()?,
            }
        }
    }
}
