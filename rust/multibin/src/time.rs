//! Durations as whole nanoseconds.

use std::time::Duration;

/// Returns a duration in nanoseconds; saturates after 584 years.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
