//! Arguments that are refused, each by name and value.

use super::strategies::{backlog, one_server};
use crate::config::{Config, Fill, Overrun};
use crate::costs::{Costs, LinearCosts};
use crate::edges::Edges;
use crate::simulate::arrivals::Arrivals;
use crate::simulate::baselines::{Baseline, ContinuousOrder, simulate_baseline};
use crate::simulate::scheduler::simulate;
use crate::simulate::workload::{Servers, Workload};

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
    assert_eq!(
        message(&sizes, &servers),
        "predicted must have 3 values, one for each arrival, got 1"
    );
    let unsorted = Workload { arrivals: Arrivals::At(vec![5, 4, 6]), ..good.clone() };
    assert!(message(&unsorted, &servers).contains("arrivals[1]"));
    let empty = Workload { actual: vec![1, 0, 2], ..good.clone() };
    assert_eq!(message(&empty, &servers), "actual[1] must be at least 1, got 0");
    let few = Workload { cached: vec![0], ..good.clone() };
    assert_eq!(message(&few, &servers), "cached must have 3 values, one for each arrival, got 1");
    let more = Workload { prompts: vec![5; 3], cached: vec![5, 0, 6], ..good.clone() };
    let rule = "cached[2] must be at most the 5 tokens of the prompt, got 6";
    assert_eq!(message(&more, &servers), rule);
    let none = message(&good, &Servers { count: 0, ..servers });
    assert_eq!(none, "servers must be between 1 and 1048576, got 0");
}

#[test]
fn limits_that_hold_no_batch_are_named() {
    let servers = Servers { max_resident: Some(7), ..one_server(LinearCosts::default()) };
    let message = |config: &Config| {
        let edges = Edges::new(&[0, 10]).unwrap();
        simulate(&backlog(3, 1.0, 5.0), &edges, config, &servers).unwrap_err().to_string()
    };
    let small = message(&Config::new(8));
    assert_eq!(small, "max_resident must be at least the 8 rows of the largest batch, got 7");
    let strict = Config { fill: Fill::Strict, overrun: Overrun::Climb, ..Config::new(4) };
    assert!(message(&strict).starts_with("max_resident must be left out where fill"));
    let baseline = Baseline::Continuous { rows: 8, chunk: 1, order: ContinuousOrder::Fifo };
    let refused = simulate_baseline(&backlog(3, 1.0, 5.0), &baseline, &servers).unwrap_err();
    assert_eq!(refused.to_string(), small);
}

#[test]
fn bad_parameters_are_named() {
    let servers = Servers::new(1, Costs::default());
    let message = |baseline: Baseline| {
        simulate_baseline(&Workload::default(), &baseline, &servers).unwrap_err().to_string()
    };
    let sorted = |window, sizes: &[_]| Baseline::SortedWindow { window, sizes: sizes.into() };
    assert_eq!(message(sorted(0, &Baseline::VBS)), "window must be at least 1, got 0");
    assert!(message(sorted(9, &[])).starts_with("sizes must have"));
    assert_eq!(message(sorted(9, &[(5, 0)])), "batch_size must be at least 1, got 0");
    let lengths = message(sorted(9, &[(50, 8), (50, 4)]));
    assert_eq!(lengths, "sizes[1] must have a length above 50, got 50");
    let window = message(Baseline::LookAhead { batch_size: 8, window: 7 });
    assert_eq!(window, "window must be at least 8, got 7");
    let empty = message(Baseline::Nearest { batch_size: 0, light_load: true });
    assert_eq!(empty, "batch_size must be at least 1, got 0");
    let continuous =
        |rows, chunk| Baseline::Continuous { rows, chunk, order: ContinuousOrder::Fifo };
    assert_eq!(message(continuous(0, 1)), "rows must be at least 1, got 0");
    assert_eq!(message(continuous(1, 0)), "chunk must be at least 1, got 0");
}
