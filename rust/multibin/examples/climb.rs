//! Climbing: a batch stops at its limit, and its unfinished rows go on in a bin of longer requests.
//!
//! Run it with `cargo run -p multibin --example climb`.

use multibin::{Config, Edges, Overrun, Row, Scheduler};

const REQUESTS: u64 = 256;
/// The length that a poor predictor announces for every request.
const PREDICTED: u32 = 4;

/// Returns how many steps a request takes: one in eight takes far more than predicted.
fn actual(key: u64) -> u32 {
    if key.is_multiple_of(8) { 100 } else { 1 + key as u32 % 8 }
}

/// Serves all requests, and returns the steps of all batches together.
fn serve(overrun: Overrun) -> u32 {
    let edges = Edges::new(&[0, 8, 32, 128]).expect("they increase");
    let config = Config { overrun, ..Config::new(8) };
    let scheduler = Scheduler::new(edges, config).expect("a configuration");
    for key in 0..REQUESTS {
        scheduler.submit(key, PREDICTED).expect("there is room");
    }
    scheduler.close();
    let mut steps = 0;
    for batch in scheduler.worker().batches() {
        let left = |row: &Row| actual(row.key) - row.progress;
        let longest = batch.rows().iter().map(left).max().unwrap_or(0);
        let run = longest.min(batch.limit().unwrap_or(u32::MAX));
        // The model runs here. It keeps the KV caches of the rows that are unfinished.
        steps += run;
        let rows = batch.rows().iter().enumerate();
        let unfinished: Vec<_> = rows
            .filter(|(_, row)| left(row) > run)
            .map(|(index, row)| (index, row.progress + run))
            .collect();
        batch.resubmit(&unfinished, false).expect("they made progress");
        batch.done();
    }
    assert_eq!(scheduler.stats().done, REQUESTS);
    steps
}

#[cfg_attr(test, test)]
fn main() {
    let (finish, climb) = (serve(Overrun::Finish), serve(Overrun::Climb));
    println!("{REQUESTS} requests took {climb} steps with climbing and {finish} without");
    assert!(climb < finish / 2);
}
