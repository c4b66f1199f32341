//! A server of threads: producers submit requests, workers take batches of similar lengths.
//!
//! Run it with `cargo run -p multibin --example embed`.

use std::thread;
use std::time::Duration;

use multibin::{Config, Edges, Scheduler};

const BATCH: usize = 8;

/// Returns how many steps a request takes; here it is predicted without error.
fn length(key: u64) -> u32 {
    1 + (key * 7_919 % 128) as u32
}

/// Returns the steps for which the rows of a batch wait for its longest row.
fn waste(lengths: &[u32]) -> u32 {
    lengths.iter().max().map_or(0, |longest| lengths.iter().map(|length| longest - length).sum())
}

fn submit(scheduler: &Scheduler, key: u64) {
    scheduler.submit(key, length(key)).expect("there is room");
}

/// Takes batches until the scheduler is closed and empty. Returns their rows and their waste.
fn work(scheduler: &Scheduler) -> (usize, u32) {
    let (worker, mut rows, mut wasted) = (scheduler.worker(), 0, 0);
    while let Ok(batch) = worker.next_batch(None) {
        let lengths: Vec<u32> = batch.rows().iter().map(|row| length(row.key)).collect();
        // The model runs here, as many steps as the longest row takes.
        thread::sleep(Duration::from_micros(10) * lengths.iter().copied().max().unwrap_or(0));
        (rows, wasted) = (rows + lengths.len(), wasted + waste(&lengths));
        batch.done();
    }
    (rows, wasted)
}

#[cfg_attr(test, test)]
fn main() {
    let edges = Edges::new(&[0, 16, 32, 48, 64, 80, 96, 112, 129]).expect("they increase");
    let scheduler = &Scheduler::new(edges, Config::new(BATCH as u32)).expect("a configuration");
    let sums = thread::scope(|scope| {
        let workers = [scope.spawn(|| work(scheduler)), scope.spawn(|| work(scheduler))];
        thread::scope(|scope| {
            for keys in [0..1_000, 1_000..2_000] {
                scope.spawn(|| keys.for_each(|key| submit(scheduler, key)));
            }
        });
        scheduler.close();
        workers.map(|worker| worker.join().expect("no worker panics"))
    });
    let (rows, wasted) = (sums[0].0 + sums[1].0, sums[0].1 + sums[1].1);
    let lengths: Vec<u32> = (0..2_000).map(length).collect();
    let unbinned: u32 = lengths.chunks(BATCH).map(waste).sum();
    println!("{rows} rows waited {wasted} steps for longer rows; in order of arrival {unbinned}");
    assert_eq!(rows, 2_000);
    assert!(wasted < unbinned / 2);
}
