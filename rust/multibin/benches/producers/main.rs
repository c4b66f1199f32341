//! The rate of one scheduler with 1, 2, 4, … producers, up to the processors there are or to what
//! is given: `cargo bench -p multibin --bench producers -- 64`. One worker takes the batches.

mod crowd;
#[path = "../core/lengths.rs"]
mod lengths;

use std::time::Duration;

const BATCH: u32 = 32;
const BINS: usize = 16;
const REQUESTS: u64 = 2_000_000;
const RUNS: usize = 5;

fn main() {
    let given = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let most = given.unwrap_or_else(|| std::thread::available_parallelism().map_or(2, Into::into));
    let lengths = lengths::lengths(1 << 16);
    let mut single = None;
    println!("producers  M requests/s  of one producer's rate (medians of {RUNS} runs)");
    for producers in std::iter::successors(Some(1), |p| Some(2 * p)).take_while(|&p| p <= most) {
        let rate = REQUESTS as f64 / median(&lengths, producers).as_secs_f64();
        let ratio = rate / *single.get_or_insert(rate);
        println!("{producers:9}  {:12.2}  {ratio:.2}", rate / 1e6);
    }
}

fn median(lengths: &[u32], producers: usize) -> Duration {
    let crowd = crowd::Crowd::new(lengths, BINS, BATCH);
    let mut times: Vec<_> = (0..RUNS).map(|_| crowd.run(producers, REQUESTS)).collect();
    times.sort_unstable();
    times[RUNS / 2]
}
