//! Simulation: the same requests, batched in order of arrival and in bins of similar length.
//!
//! Run it with `cargo run -p multibin --example simulate --features simulate`.

use multibin::costs::{Completion, Costs, LinearCosts};
use multibin::simulate::{Arrivals, Servers, Workload, simulate};
use multibin::{Config, Edges};

const REQUESTS: u64 = 4_000;

/// Returns requests whose lengths are 1 to 1,000 and predicted without error, 100 a second.
fn workload() -> Workload {
    let lengths: Vec<u32> = (0..REQUESTS).map(|i| 1 + (i * 7_919 % 1_000) as u32).collect();
    Workload {
        arrivals: Arrivals::At((0..REQUESTS).map(|i| i * 10_000_000).collect()),
        predicted: lengths.clone(),
        actual: lengths,
        prompts: vec![0; REQUESTS as usize],
        cached: Vec::new(),
    }
}

/// Returns the requests that one server finishes in a second.
fn throughput(workload: &Workload, edges: &Edges) -> f64 {
    let servers = Servers {
        count: 1,
        costs: Costs {
            // A step takes 20 ms, however many rows there are.
            model: LinearCosts { step: 0.02, ..LinearCosts::default() }.into(),
            completes: Completion::Batch,
        },
        drain: true,
        gate: false,
        max_resident: None,
    };
    let records = simulate(workload, edges, &Config::new(32), &servers).expect("a simulation");
    REQUESTS as f64 / records.batches.finish.into_iter().fold(0.0, f64::max)
}

#[cfg_attr(test, test)]
fn main() {
    let workload = workload();
    // One bin is a queue in order of arrival.
    let fifo = throughput(&workload, &Edges::new(&[0, 1]).expect("they increase"));
    let edges = Edges::quantile(&workload.predicted, 8).expect("a sample");
    let binned = throughput(&workload, &edges);
    println!("FIFO {fifo:.2} requests/s, 8 elastic bins {binned:.2}: {:.2} times", binned / fifo);
    assert!(binned > 1.5 * fifo);
}
