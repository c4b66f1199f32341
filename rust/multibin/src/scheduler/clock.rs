//! The scheduler's clock: nanoseconds since it was made.

use std::time::{Duration, Instant};

/// Monotonic; tests replay a trace on a virtual one.
#[derive(Debug)]
pub(super) enum Clock {
    Monotonic(Instant),
    #[cfg(all(test, not(loom)))]
    Virtual(std::sync::Arc<std::sync::atomic::AtomicU64>),
}

impl Clock {
    pub(super) fn start() -> Self {
        Self::Monotonic(Instant::now())
    }

    #[inline]
    pub(super) fn now(&self) -> u64 {
        match self {
            Self::Monotonic(start) => {
                let elapsed = start.elapsed();
                // Unlike `as_nanos`, without 128-bit arithmetic; wraps after 584 years.
                elapsed.as_secs() * 1_000_000_000 + u64::from(elapsed.subsec_nanos())
            }
            #[cfg(all(test, not(loom)))]
            Self::Virtual(now) => now.load(std::sync::atomic::Ordering::Relaxed),
        }
    }

    /// How long until `time`.
    pub(super) fn until(&self, time: u64) -> Duration {
        Duration::from_nanos(time.saturating_sub(self.now()))
    }
}
