//! The rate of one scheduler with 1, 2, 4, … producers and one worker.
//!
//! `cargo bench -p multibin --bench producers -- 64` goes up to 64 producers; without an argument,
//! up to the number of processors.

#[path = "../shared/lengths.rs"]
mod lengths;
#[path = "../shared/producers.rs"]
mod producers;

use std::time::Duration;

use producers::Producers;

const BATCH: u32 = 32;
const BINS: usize = 16;
const REQUESTS: u64 = 2_000_000;
const RUNS: usize = 5;

fn main() {
    let given = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let max = given.unwrap_or_else(|| std::thread::available_parallelism().map_or(2, Into::into));
    let lengths = lengths::lengths(1 << 16);
    let mut single = None;
    println!("producers  M requests/s  of one producer's rate (medians of {RUNS} runs)");
    for producers in std::iter::successors(Some(1), |p| Some(2 * p)).take_while(|&p| p <= max) {
        let rate = REQUESTS as f64 / median(&lengths, producers).as_secs_f64();
        let ratio = rate / *single.get_or_insert(rate);
        println!("{producers:9}  {:12.2}  {ratio:.2}", rate / 1e6);
    }
}

/// Returns the median time of a run.
fn median(lengths: &[u32], producers: usize) -> Duration {
    let bench = Producers::new(lengths, BINS, BATCH);
    let mut times: Vec<_> = (0..RUNS).map(|_| bench.run(producers, REQUESTS)).collect();
    times.sort_unstable();
    times[RUNS / 2]
}
