//! Results that are known in advance.

use super::strategies::{backlog, one_server};
use crate::config::{Config, Fill, Overrun};
use crate::costs::LinearCosts;
use crate::edges::Edges;
use crate::simulate::arrivals::Arrivals;
use crate::simulate::scheduler::simulate;
use crate::simulate::workload::{Servers, Workload};

fn last(times: &[f64]) -> f64 {
    times.iter().fold(0.0, |a: f64, &b| a.max(b))
}

/// Checks Theorem 4.2 of arXiv 2412.04504: B = 128, l ~ U[1, 20] seconds, here in milliseconds.
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
        let max = *records.requests.entries.iter().max().unwrap();
        assert_eq!(max > 1, overrun != Overrun::Finish);
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
