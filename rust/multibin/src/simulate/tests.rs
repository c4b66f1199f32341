use proptest::prelude::*;

use super::arrivals::Arrivals;
use super::baselines::{Baseline, ContinuousOrder, simulate_baseline, workloads};
use super::shipped::simulate;
use super::workload::{Servers, Workload};
use crate::config::{Config, Fill, Overrun};
use crate::costs::{Completion, Costs, LinearCosts};
use crate::edges::Edges;

/// Uniform on `[0, 1)`, the same every time.
fn uniforms(n: usize) -> impl Iterator<Item = f64> {
    let mut state = 1u64;
    std::iter::repeat_with(move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    })
    .take(n)
}

/// Everything present at the start, lengths uniform on [lo, hi].
fn backlog(n: usize, lo: f64, hi: f64) -> Workload {
    #[expect(clippy::cast_sign_loss, reason = "lengths are positive")]
    let lengths: Vec<u32> = uniforms(n).map(|u| (lo + (hi - lo) * u).round() as u32).collect();
    Workload {
        arrivals: Arrivals::At(vec![0; n]),
        predicted: lengths.clone(),
        actual: lengths,
        prompts: vec![0; n],
    }
}

fn one_server(cost: LinearCosts) -> Servers {
    let costs = Costs { model: cost.into(), completes: Completion::Row };
    Servers { count: 1, costs, drain: true, gate: false, max_resident: None }
}

fn last(times: &[f64]) -> f64 {
    times.iter().fold(0.0, |a: f64, &b| a.max(b))
}

/// Theorem 4.2 of arXiv 2412.04504: B = 128, l ~ U[1, 20] seconds, here in milliseconds.
#[test]
fn throughput_of_uniform_lengths_is_the_papers() {
    let workload = backlog(400_000, 1_000.0, 20_000.0);
    let costs = LinearCosts { step: 0.001, ..LinearCosts::default() };
    let config = Config { fill: Fill::Strict, ..Config::new(128) };
    for (bins, paper) in (1..).zip([6.447, 8.434, 9.400, 9.970, 10.347]) {
        let edges = Edges::uniform(1_000, 20_000, bins).unwrap();
        let records = simulate(&workload, &edges, &config, &one_server(costs)).unwrap();
        let rate = 400_000.0 / last(&records.batches.finish);
        assert!((rate / paper - 1.0).abs() < 0.005, "{bins} bins: {rate} for {paper}");
    }
}

#[test]
fn every_request_is_finished_after_its_own_steps() {
    let workload = backlog(5_000, 1.0, 100.0);
    let edges = Edges::new(&[0, 10, 20, 40, 80]).unwrap();
    for overrun in [Overrun::Finish, Overrun::Climb, Overrun::Recompute] {
        let config = Config { overrun, ..Config::new(8) };
        let costs = LinearCosts { step: 1.0, row_step: 1e-9, ..LinearCosts::default() };
        let mut workload = workload.clone();
        workload.predicted.fill(0);
        let records = simulate(&workload, &edges, &config, &one_server(costs)).unwrap();
        let steps: u64 = records
            .batches
            .steps
            .iter()
            .zip(&records.batches.rows)
            .map(|(&steps, &rows)| u64::from(steps) * u64::from(rows))
            .sum();
        let useful: u64 = workload.actual.iter().map(|&steps| u64::from(steps)).sum();
        let waste: u64 = records.requests.waste.iter().sum();
        let again = steps - waste - useful;
        assert_eq!(again > 0, overrun == Overrun::Recompute, "{overrun:?}");
        assert_eq!(records.requests.steps.iter().sum::<u64>(), useful + again);
        assert!(records.requests.finish.iter().all(|finish| finish.is_finite()));
        let most = *records.requests.entries.iter().max().unwrap();
        assert_eq!(most > 1, overrun != Overrun::Finish);
    }
}

#[test]
fn without_draining_strict_leaves_partial_bins_behind() {
    let workload = backlog(10, 1.0, 1.0);
    let servers =
        Servers { drain: false, ..one_server(LinearCosts { step: 1.0, ..LinearCosts::default() }) };
    let config = Config { fill: Fill::Strict, ..Config::new(4) };
    let edges = Edges::new(&[0, 10]).unwrap();
    let records = simulate(&workload, &edges, &config, &servers).unwrap();
    assert_eq!(records.requests.finish.iter().filter(|finish| finish.is_nan()).count(), 2);
}

#[test]
fn a_climber_that_is_left_over_has_no_finish() {
    let at = Arrivals::At(vec![0, 100_000_000]);
    let workload = Workload { arrivals: at, predicted: vec![0; 2], ..backlog(2, 10.0, 10.0) };
    let workload = Workload { actual: vec![10, 3], ..workload };
    let servers =
        Servers { drain: false, ..one_server(LinearCosts { step: 1.0, ..LinearCosts::default() }) };
    let config = Config { fill: Fill::Strict, overrun: Overrun::Climb, ..Config::new(2) };
    let edges = Edges::new(&[0, 5, 20]).unwrap();
    let requests = simulate(&workload, &edges, &config, &servers).unwrap().requests;
    assert!(requests.finish[0].is_nan() && requests.finish[1].is_finite());
    assert_eq!(requests.steps, [5, 3]);
    assert_eq!(requests.waste, [0, 2]);
}

#[test]
fn bad_workloads_are_named() {
    let edges = || Edges::new(&[0, 10]).unwrap();
    let servers = one_server(LinearCosts { step: 1.0, ..LinearCosts::default() });
    let config = Config::new(4);
    let message = |workload: &Workload, servers: &Servers| {
        simulate(workload, &edges(), &config, servers).unwrap_err().to_string()
    };
    let good = backlog(3, 1.0, 5.0);
    let sizes = Workload { predicted: vec![1], ..good.clone() };
    assert_eq!(message(&sizes, &servers), "predicted: 1 values for 3 arrivals");
    let unsorted = Workload { arrivals: Arrivals::At(vec![5, 4, 6]), ..good.clone() };
    assert!(message(&unsorted, &servers).contains("arrivals[1]"));
    let empty = Workload { actual: vec![1, 0, 2], ..good.clone() };
    assert!(message(&empty, &servers).contains("request 1"));
    assert!(message(&good, &Servers { count: 0, ..servers }).contains("servers"));
}

proptest! {
    #[test]
    fn no_server_holds_more_than_it_may(
        workload in workloads(),
        batch_size in 1u32..6,
        room in 0usize..8,
        max_parked in prop_oneof![Just(None), (0usize..6).prop_map(Some)],
        count in 1usize..3,
    ) {
        let most = batch_size as usize + room;
        let cost = LinearCosts { step: 0.02, ..LinearCosts::default() };
        let limited = |max_resident| {
            let config = Config { overrun: Overrun::Climb, max_parked, ..Config::new(batch_size) };
            let servers = Servers { count, max_resident, ..one_server(cost) };
            let edges = Edges::new(&[0, 4, 8, 16, 32]).unwrap();
            simulate(&workload, &edges, &config, &servers).unwrap()
        };
        let records = limited(Some(most));
        let held = records.batches.rows.iter().zip(&records.batches.parked);
        prop_assert!(held.map(|(rows, parked)| rows + parked).all(|held| held as usize <= most));
        prop_assert!(records.requests.finish.iter().all(|finish| finish.is_finite()));
        let everything = workload.actual.len();
        prop_assert_eq!(limited(Some(everything + batch_size as usize)), limited(None));
    }
}

#[test]
fn limits_that_hold_no_batch_are_named() {
    let servers = Servers { max_resident: Some(7), ..one_server(LinearCosts::default()) };
    let message = |config: &Config| {
        let edges = Edges::new(&[0, 10]).unwrap();
        simulate(&backlog(3, 1.0, 5.0), &edges, config, &servers).unwrap_err().to_string()
    };
    let small = message(&Config::new(8));
    assert_eq!(small, "max_resident: a server of 7 rows holds no batch of 8");
    let strict = Config { fill: Fill::Strict, overrun: Overrun::Climb, ..Config::new(4) };
    assert!(message(&strict).starts_with("max_resident: with fill = strict"));
    let baseline = Baseline::Continuous { rows: 8, chunk: 1, order: ContinuousOrder::Fifo };
    let refused = simulate_baseline(&backlog(3, 1.0, 5.0), &baseline, &servers).unwrap_err();
    assert_eq!(refused.to_string(), small);
}
