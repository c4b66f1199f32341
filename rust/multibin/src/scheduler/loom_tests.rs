//! The shipped code under the model checker.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p multibin --profile quick --lib loom`.

mod drain;
mod notifier;
mod ring;
mod room;
mod workers;

use std::sync::Arc;
use std::task::Wake;

use crate::sync::{AtomicU32, Ordering};

/// A waker that counts its wake-ups.
#[derive(Debug)]
struct Counter(AtomicU32);

impl Counter {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU32::new(0)))
    }

    fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns true if it was woken since this was last called.
    fn take(&self) -> bool {
        self.0.swap(0, Ordering::Relaxed) > 0
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Checks all executions with at most so many preemptions.
fn model(preemptions: usize, check: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(check);
}
