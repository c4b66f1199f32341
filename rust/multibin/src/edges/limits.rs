//! Limits of edges.

/// The largest number of bins.
pub(super) const MAX_BINS: usize = 4096;
