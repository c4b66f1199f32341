//! The scheduler's clock: nanoseconds since it was made.

use std::time::Duration;

/// Monotonic; tests replay a trace on a virtual one.
#[derive(Debug, Clone)]
pub(super) enum Clock {
    /// The processor's counter where it is invariant, as an arrival is stamped for every request:
    /// a third of what the system's clock costs. Calibrated against that once a process, in about
    /// a millisecond and to some 10⁻⁵; elsewhere the system's clock.
    Monotonic { counter: quanta::Clock, start: u64 },
    #[cfg(all(test, not(loom)))]
    Virtual(std::sync::Arc<std::sync::atomic::AtomicU64>),
}

impl Clock {
    pub(super) fn start() -> Self {
        let counter = quanta::Clock::new();
        Self::Monotonic { start: counter.raw(), counter }
    }

    /// Whether the caller moves it.
    #[cfg(not(loom))]
    pub(super) fn is_virtual(&self) -> bool {
        !matches!(self, Self::Monotonic { .. })
    }

    #[inline]
    pub(super) fn now(&self) -> u64 {
        match self {
            Self::Monotonic { counter, start } => counter.delta_as_nanos(*start, counter.raw()),
            #[cfg(all(test, not(loom)))]
            Self::Virtual(now) => now.load(std::sync::atomic::Ordering::Relaxed),
        }
    }

    /// How long until `time`.
    pub(super) fn until(&self, time: u64) -> Duration {
        Duration::from_nanos(time.saturating_sub(self.now()))
    }
}
