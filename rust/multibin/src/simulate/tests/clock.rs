//! Simulations too long for nanoseconds in 64 bits.

use std::time::Duration;

use proptest::prelude::*;

use super::strategies::{times, workloads};
use crate::adapt::Event;
use crate::config::{Config, Fill};
use crate::costs::{Completion, CostModel, CostTable, Costs, Counts, LinearCosts, Measurements};
use crate::edges::Edges;
use crate::simulate::arrivals::Arrivals;
use crate::simulate::baselines::{Baseline, ContinuousOrder, Weight, simulate_baseline};
use crate::simulate::records::{Records, TimedEvent};
use crate::simulate::scheduler::simulate;
use crate::simulate::workload::{Servers, Workload};

/// Whole nanoseconds and sums of binary fractions: nothing is rounded on any clock.
const LINEAR: LinearCosts = LinearCosts {
    fixed: 0.0625,
    prompt_token: 0.003_906_25,
    moved_row: 0.0,
    step: 0.125,
    row_step: 0.0,
    kv_token: 0.0,
    padded_token: 0.0,
};

/// Simulations of some seconds then take a multiple of 2⁶³ nanoseconds.
const BITS: u32 = 26;

fn servers(cost: impl Into<CostModel>) -> Servers {
    let costs = Costs { model: cost.into(), completes: Completion::Row };
    Servers::new(2, costs)
}

/// Returns servers of a world in which everything takes 2^`bits` times as long.
fn slower(bits: u32) -> Servers {
    let servers = servers(LINEAR);
    Servers { costs: servers.costs.scaled(2f64.powi(bits.cast_signed())), ..servers }
}

/// Returns one request of each of these steps, all there at the start.
fn backlog(steps: &[u32]) -> Workload {
    Workload {
        arrivals: Arrivals::At(vec![0; steps.len()]),
        predicted: steps.to_vec(),
        actual: steps.to_vec(),
        prompts: vec![0; steps.len()],
        cached: Vec::new(),
    }
}

fn simulated(workload: &Workload, config: &Config, servers: &Servers) -> Vec<Records> {
    let edges = Edges::new(&[0, 8, 16, 32]).unwrap();
    let continuous = Baseline::Continuous { rows: 3, chunk: 2, order: ContinuousOrder::Fifo };
    let nearest = Baseline::Nearest { batch_size: 3, light_load: false };
    let (bins, weight) = (edges.clone(), Weight::WaitSquared);
    let heaviest = Baseline::HeaviestBin { batch_size: 3, edges: bins, weight, light_load: false };
    let baselines = [continuous, nearest, heaviest]
        .map(|baseline| simulate_baseline(workload, &baseline, servers));
    let schedulers = [false, true].map(|gate| {
        let servers = Servers { gate, ..servers.clone() };
        simulate(workload, &edges, config, &servers)
    });
    baselines.into_iter().chain(schedulers).map(Result::unwrap).collect()
}

/// Returns all times of the records.
fn all(mut records: Records) -> Vec<f64> {
    let batches = records.batches.start.into_iter().chain(records.batches.finish);
    batches.chain(records.requests.columns().times().map(|time| *time)).collect()
}

proptest! {
    #[test]
    fn a_slower_world_is_the_same_world(
        workload in workloads(),
        users in prop_oneof![Just(None), (1usize..9).prop_map(Some)],
        max_wait in prop_oneof![Just(None), (0u64..3_000_000_000).prop_map(Some)],
    ) {
        let at = |bits: u32| {
            let arrivals = times(&workload).iter().map(|time| time << bits).collect();
            let arrivals = match users {
                None => Arrivals::At(arrivals),
                Some(count) => Arrivals::Users { count, pauses: arrivals },
            };
            let workload = Workload { arrivals, ..workload.clone() };
            let max_wait = max_wait.map(|wait| Duration::from_nanos(wait << bits));
            let config = Config { max_wait, ..Config::new(3) };
            simulated(&workload, &config, &slower(bits))
        };
        for (slow, fast) in at(BITS).into_iter().zip(at(0)) {
            prop_assert_eq!(&slow.requests.batch, &fast.requests.batch);
            prop_assert_eq!(&slow.requests.steps, &fast.requests.steps);
            let factor = f64::from(1 << BITS);
            let scaled: Vec<f64> = all(fast).iter().map(|time| time * factor).collect();
            prop_assert_eq!(all(slow), scaled);
        }
    }
}

#[test]
fn times_beyond_the_nanoseconds_of_64_bits_add_up() {
    let steps = [100; 6];
    for step in [1e3, 1.2e8, 1e20, 1e200] {
        let servers =
            Servers { count: 1, ..servers(LinearCosts { step, ..LinearCosts::default() }) };
        let edges = Edges::new(&[0, 1_000]).unwrap();
        let records = simulate(&backlog(&steps), &edges, &Config::new(1), &servers).unwrap();
        for (i, finish) in (1..).zip(records.requests.finish) {
            assert!(
                (finish / (f64::from(i) * 100.0 * step) - 1.0).abs() < 1e-12,
                "{step}: {finish}"
            );
        }
    }
}

#[test]
fn waits_are_as_long_by_every_clock() {
    let config = |wait| Config { max_wait: Some(wait), fill: Fill::Strict, ..Config::new(2) };
    let servers = Servers { drain: false, ..servers(LINEAR) };
    for seconds in [1, 1 << 40, u64::MAX] {
        let config = config(Duration::from_secs(seconds));
        let edges = Edges::new(&[0, 1_000]).unwrap();
        let records = simulate(&backlog(&[5]), &edges, &config, &servers).unwrap();
        let start = records.requests.start[0];
        assert!((start / seconds as f64 - 1.0).abs() < 1e-9, "{start} for {seconds}");
    }
}

#[test]
fn times_that_are_not_finite_are_an_error_that_names_the_costs() {
    let grid = |value: f64| vec![value; 4];
    let table = CostTable::new(Measurements {
        rows: vec![1, 2],
        tokens: vec![1, 9],
        step: vec![1e307, 1e308, 1e308, 1e307],
        prefill: grid(1e308),
        moved: grid(0.0),
        counts: Counts::Mean,
    });
    let step = LinearCosts { step: 1e308, ..LinearCosts::default() };
    let all = LinearCosts { fixed: 1e308, row_step: 1e308, kv_token: 1e308, ..step };
    for cost in [step.into(), all.into(), CostModel::Table(table.unwrap())] {
        let (workload, servers) = (backlog(&[100, 7, 90]), servers(cost));
        let edges = Edges::new(&[0, 50, 100]).unwrap();
        let continuous = Baseline::Continuous { rows: 2, chunk: 3, order: ContinuousOrder::Fifo };
        for refused in [
            simulate(&workload, &edges, &Config::new(2), &servers),
            simulate_baseline(&workload, &continuous, &servers),
        ] {
            let message = refused.unwrap_err().to_string();
            assert_eq!(
                message,
                "costs must be low enough that all times are finite, got times that overflow"
            );
        }
    }
}

/// Where all lengths are alike bins gain nothing and the gate closes.
#[test]
fn events_are_on_the_same_clock() {
    let closed = |bits: u32| {
        let servers = Servers { gate: true, ..slower(bits) };
        let edges = Edges::new(&[0, 8, 16]).unwrap();
        simulate(&backlog(&[5; 2_400]), &edges, &Config::new(3), &servers).unwrap().events
    };
    let (fast, slow) = (closed(0), closed(BITS));
    assert!(matches!(fast[..], [TimedEvent { event: Event::Closed { .. }, .. }]));
    assert_eq!(slow[0].event, fast[0].event);
    assert_eq!(slow[0].time, fast[0].time * f64::from(1 << BITS));
}
