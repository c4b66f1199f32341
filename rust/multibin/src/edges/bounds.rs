//! Prepares samples and bounds.

use super::error::EdgesError;
use super::limits::MAX_BINS;

/// Refuses a number of bins that is out of range.
pub(crate) fn check_bins(bins: usize) -> Result<(), EdgesError> {
    match bins {
        1..=MAX_BINS => Ok(()),
        _ => Err(EdgesError::Bins(bins)),
    }
}

/// Returns the sample in increasing order; refuses an empty one.
pub(crate) fn sorted(sample: &[u32], argument: &'static str) -> Result<Vec<u32>, EdgesError> {
    if sample.is_empty() {
        return Err(EdgesError::Empty(argument));
    }
    let mut sorted = sample.to_vec();
    sorted.sort_unstable();
    Ok(sorted)
}

/// Collects increasing values, each once.
pub(super) fn distinct(values: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut values: Vec<u32> = values.collect();
    values.dedup();
    values
}

/// Returns the upper bound of a bin that has `longest` as its longest length.
pub(super) fn above(longest: u32) -> u32 {
    longest.saturating_add(1)
}

/// Returns bounds from the minimum of the sample to just above its maximum, with these inner edges.
pub(super) fn spanning(sorted: &[u32], inner: impl Iterator<Item = u32>) -> Vec<u32> {
    let top = above(sorted[sorted.len() - 1]);
    let low = sorted[0].min(top - 1);
    let inner = inner.filter(|&edge| low < edge && edge < top);
    distinct(std::iter::once(low).chain(inner).chain([top]))
}
