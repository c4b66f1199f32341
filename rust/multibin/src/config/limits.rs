//! Limits of the numbers in a configuration.

/// Limit of the requests of a scheduler: indices in the slab have 32 bits, and tombstones take as
/// many as entries.
pub(super) const MAX_CAPACITY: usize = 1 << 30;

/// Fewest requests of a fit: half of them choose the edges and half judge them.
pub(crate) const MIN_WINDOW: usize = 2_000;

/// Limit of the requests of a fit.
pub(super) const MAX_WINDOW: usize = 1 << 24;
