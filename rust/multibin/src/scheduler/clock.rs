//! The scheduler's clock: nanoseconds since it was made.

use std::time::Duration;

/// Monotonic; tests replay a trace on a virtual one.
#[derive(Debug, Clone)]
pub(super) enum Clock {
    /// The processor's counter where it is invariant: an arrival is stamped for every request, at a
    /// third of the cost of the system's clock. It is calibrated against that clock once a process,
    /// in about a millisecond and to some 10⁻⁵. Elsewhere this is the system's clock.
    Monotonic { counter: quanta::Clock, start: u64 },
    #[cfg(all(test, not(loom)))]
    Virtual(std::sync::Arc<std::sync::atomic::AtomicU64>),
}

impl Clock {
    pub(super) fn start() -> Self {
        let counter = quanta::Clock::new();
        Self::Monotonic { start: counter.raw(), counter }
    }

    /// Returns true if a test moves it.
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

    /// Returns the time that is left until `time`.
    pub(super) fn until(&self, time: u64) -> Duration {
        Duration::from_nanos(time.saturating_sub(self.now()))
    }
}
