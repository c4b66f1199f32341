//! Futures without a runtime: one thread runs a producer and a worker, and parks while both wait.
//!
//! Run it with `cargo run -p multibin --example async_worker`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};

use multibin::{Config, Edges, Options, Scheduler};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls the tasks on this thread until all are ready.
fn run(mut tasks: Vec<Pin<Box<dyn Future<Output = ()> + '_>>>) {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    while !tasks.is_empty() {
        tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
        if !tasks.is_empty() {
            thread::park();
        }
    }
}

/// Submits 100 requests, waits for room before each, and waits for the end of all.
async fn produce(scheduler: &Scheduler) {
    for key in 0..100 {
        scheduler.submit_async(key, key as u32 % 64, &Options::new()).await.expect("it is open");
    }
    assert!(scheduler.drain_async(None).await);
}

/// Takes batches until the scheduler is closed and empty.
async fn work(scheduler: &Scheduler) {
    let worker = scheduler.worker();
    while let Ok(batch) = worker.next_batch_async(None).await {
        batch.done();
    }
}

#[cfg_attr(test, test)]
fn main() {
    let edges = Edges::new(&[0, 16, 32, 64]).expect("they increase");
    // Only 16 requests fit, so that the producer waits again and again.
    let config = Config { capacity: 16, ..Config::new(8) };
    let scheduler = Scheduler::new(edges, config).expect("a configuration");
    run(vec![Box::pin(produce(&scheduler)), Box::pin(work(&scheduler))]);
    let stats = scheduler.stats();
    let batches: u64 = stats.batches.iter().sum();
    println!("one thread served {} requests in {batches} batches", stats.done);
    assert_eq!((stats.done, stats.refused), (100, 0));
}
