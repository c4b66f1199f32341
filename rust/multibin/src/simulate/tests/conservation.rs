//! Conservation laws: each step is computed once and counted once, whatever the policy.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::strategies::{configs, edges, largest, loads, rooms, servers, with_room};
use crate::config::{Fill, Overrun};
use crate::simulate::baselines::{Baseline, ContinuousOrder, Weight, simulate_baseline};
use crate::simulate::records::Records;
use crate::simulate::scheduler::simulate;
use crate::simulate::workload::Workload;

type Checked = Result<(), TestCaseError>;

/// Ends of batches are rounded to nanoseconds.
const ROUNDED: f64 = 2e-9;

/// Checks the records of a simulation against each other and against its workload.
struct Audit<'a> {
    workload: &'a Workload,
    records: &'a Records,
    overrun: Overrun,
}

impl Audit<'_> {
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

    /// Checks that each server runs its batches one after the other.
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

    /// Checks that slots × steps is what the requests count, if all rows run to the batch's end.
    fn check_slots(&self) -> Checked {
        let (requests, batches) = (&self.records.requests, &self.records.batches);
        let slots = batches.rows.iter().zip(&batches.steps);
        let slots: u64 = slots.map(|(&rows, &steps)| u64::from(rows) * u64::from(steps)).sum();
        let counted: u64 = requests.steps.iter().chain(&requests.waste).sum();
        prop_assert_eq!(slots, counted);
        Ok(())
    }

    /// Checks that a busy time of continuous batching has no more slots than rows or than a server.
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

fn continuous() -> Vec<Baseline> {
    let continuous = |chunk, order| Baseline::Continuous { rows: 3, chunk, order };
    vec![
        continuous(1, ContinuousOrder::Longest),
        continuous(5, ContinuousOrder::Shortest),
        continuous(u32::MAX, ContinuousOrder::Fifo),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn schedulers_conserve_steps_and_rows(
        workload in loads(),
        config in configs(),
        servers in servers(),
        room in rooms(),
    ) {
        let servers = with_room(servers, &config, room);
        let records = simulate(&workload, &edges(), &config, &servers).unwrap();
        let audit = Audit { workload: &workload, records: &records, overrun: config.overrun };
        audit.check()?;
        audit.check_slots()?;
        prop_assert!(records.batches.rows.iter().all(|&rows| rows <= largest(&config)));
        let sent = records.requests.arrival.iter().all(|time| time.is_finite());
        let served = config.fill == Fill::Elastic || config.max_wait.is_some();
        prop_assert!(sent || !served);
        if served || servers.drain && sent {
            audit.check_all_finished()?;
        }
        prop_assert_eq!(records.adaptation.is_some(), servers.gate);
    }

    #[test]
    fn baselines_conserve_steps_and_rows(workload in loads(), servers in servers()) {
        for baseline in baselines().iter().chain(&continuous()) {
            let records = simulate_baseline(&workload, baseline, &servers).unwrap();
            let audit = Audit { workload: &workload, records: &records, overrun: Overrun::Finish };
            audit.check()?;
            audit.check_all_finished()?;
            prop_assert!(records.requests.entries.iter().all(|&entries| entries == 1));
            match *baseline {
                Baseline::Continuous { rows, .. } => audit.check_busy_times(rows)?,
                _ => audit.check_slots()?,
            }
        }
    }
}
