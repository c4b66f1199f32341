//! What became of the requests of one batcher.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// A count that only grows.
#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn add(&self, requests: usize) {
        // Relaxed: it orders nothing.
        self.0.fetch_add(requests as u64, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        // Relaxed: it orders nothing.
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts each request when it is accepted, or joins the line for room, and once when it ends.
#[derive(Default)]
pub struct Counts {
    pub submitted: Count,
    pub answered: Count,
    pub failed: Count,
    pub cancelled: Count,
    pub expired: Count,
    /// Those that found no room, and those dropped for a newer one.
    pub refused: Count,
}

impl Counts {
    /// Returns the counts by name.
    pub fn named(&self) -> BTreeMap<&'static str, u64> {
        let Self { submitted, answered, failed, cancelled, expired, refused } = self;
        let counts = [
            ("submitted", submitted),
            ("answered", answered),
            ("failed", failed),
            ("cancelled", cancelled),
            ("expired", expired),
            ("refused", refused),
        ];
        counts.into_iter().map(|(name, count)| (name, count.get())).collect()
    }
}
