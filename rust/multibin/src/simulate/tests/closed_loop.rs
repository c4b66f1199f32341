//! A closed loop: each completion sends one request after its pause.

use proptest::prelude::*;

use super::strategies::workloads;
use crate::config::Config;
use crate::costs::{Completion, Costs, LinearCosts};
use crate::edges::Edges;
use crate::simulate::arrivals::Arrivals;
use crate::simulate::baselines::{Baseline, ContinuousOrder, simulate_baseline};
use crate::simulate::records::Records;
use crate::simulate::scheduler::simulate;
use crate::simulate::workload::{Servers, Workload};

const PAUSE: u64 = 700_000_000;

/// Returns `workload` as `users` send it, all pauses alike.
fn sent(workload: &Workload, users: usize) -> Workload {
    let pauses = vec![PAUSE; workload.arrivals.len()];
    Workload { arrivals: Arrivals::Users { count: users, pauses }, ..workload.clone() }
}

fn servers(completes: Completion) -> Servers {
    let cost = LinearCosts { fixed: 0.05, step: 0.02, ..LinearCosts::default() };
    let costs = Costs { model: cost.into(), completes };
    Servers::new(2, costs)
}

fn simulated(workload: &Workload, completes: Completion) -> Vec<Records> {
    let edges = Edges::new(&[0, 8, 16, 32]).unwrap();
    let continuous = Baseline::Continuous { rows: 3, chunk: 1, order: ContinuousOrder::Fifo };
    let nearest = Baseline::Nearest { batch_size: 3, light_load: false };
    let servers = servers(completes);
    let baseline = |baseline| simulate_baseline(workload, &baseline, &servers).unwrap();
    let scheduler = simulate(workload, &edges, &Config::new(3), &servers).unwrap();
    vec![scheduler, baseline(continuous), baseline(nearest)]
}

#[test]
fn a_lone_user_waits_for_each_completion_before_the_next_request() {
    let workload = Workload {
        arrivals: Arrivals::At(vec![0; 4]),
        predicted: vec![5; 4],
        actual: vec![5, 10, 1, 3],
        prompts: vec![0; 4],
        cached: Vec::new(),
    };
    for records in simulated(&sent(&workload, 1), Completion::Batch) {
        let mut free = 0.0;
        for (i, &steps) in workload.actual.iter().enumerate() {
            let arrival = free + PAUSE as f64 * 1e-9;
            free = arrival + 0.05 + 0.02 * f64::from(steps);
            assert!((records.requests.arrival[i] - arrival).abs() < 1e-6);
            assert!((records.requests.finish[i] - free).abs() < 1e-6);
        }
    }
}

proptest! {
    /// With pauses that are alike the i-th completion sends the (users + i)-th request.
    #[test]
    fn each_completion_sends_one_request_after_its_pause(
        workload in workloads(),
        users in 1usize..9,
        completes in prop_oneof![Just(Completion::Batch), Just(Completion::Row)],
    ) {
        for records in simulated(&sent(&workload, users), completes) {
            let mut completions = records.requests.finish.clone();
            completions.sort_by(f64::total_cmp);
            let pause = PAUSE as f64 * 1e-9;
            for (i, arrival) in records.requests.arrival.iter().enumerate() {
                let completion = i.checked_sub(users).map_or(0.0, |before| completions[before]);
                let expected = completion + pause;
                prop_assert!((arrival - expected).abs() < 1e-6, "{i}: {arrival}, not {expected}");
            }
        }
    }
}
