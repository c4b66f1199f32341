//! The map from a length to its bin, which producers read while it may be replaced.

use crate::edges::Edges;
use crate::sync::{AtomicU32, AtomicUsize, Ordering};

/// Rows that are sorted into bins at a time; their positions fit in a u16.
pub(super) const BLOCK: usize = 4096;
/// Up to so many bounds are compared one and all, several at a time, which is faster than a search.
const FEW_BOUNDS: usize = 32;

/// Inner bounds that change in place. A producer that reads them during a change may find a bin of
/// neither map. Then its request waits in an odd queue, as after a wrong prediction, and is served.
#[derive(Debug)]
pub(super) struct BinMap {
    /// The first `inner` are in use and increase.
    bounds: Box<[AtomicU32]>,
    inner: AtomicUsize,
}

impl BinMap {
    /// Makes a map with space for `max_bins` bins.
    pub(super) fn new(edges: &Edges, max_bins: usize) -> Self {
        let bounds = (1..max_bins).map(|_| AtomicU32::new(0)).collect();
        let map = Self { bounds, inner: AtomicUsize::new(0) };
        map.replace(edges, true);
        map
    }

    /// Returns the bin of `length`, below the number of bins that there is space for. Wait-free.
    #[inline]
    pub(super) fn bin(&self, length: u32) -> usize {
        // Relaxed, here and below: any mixture of old and new bounds gives some bin.
        let inner = &self.bounds[..self.inner.load(Ordering::Relaxed)];
        inner.partition_point(|edge| edge.load(Ordering::Relaxed) <= length)
    }

    /// Returns the bin of each length. Wait-free.
    fn bins(&self, lengths: &[u32]) -> Vec<u16> {
        let inner = &self.bounds[..self.inner.load(Ordering::Relaxed)];
        let bounds: Vec<u32> = inner.iter().map(|edge| edge.load(Ordering::Relaxed)).collect();
        if bounds.len() > FEW_BOUNDS {
            let bin = |length| bounds.partition_point(|&edge| edge <= length) as u16;
            return lengths.iter().map(|&length| bin(length)).collect();
        }
        let bin = |length| bounds.iter().map(|&edge| u32::from(edge <= length)).sum::<u32>() as u16;
        lengths.iter().map(|&length| bin(length)).collect()
    }

    /// Sorts a block by bin, by counting. Returns the positions, in order inside each bin, and
    /// where each bin starts among them; the last start is the end.
    pub(super) fn sort(&self, lengths: &[u32]) -> (Vec<u16>, Vec<usize>) {
        let bins = self.bins(lengths);
        let mut starts = vec![0; self.bounds.len() + 2];
        for &bin in &bins {
            starts[bin as usize + 1] += 1;
        }
        for bin in 1..starts.len() {
            starts[bin] += starts[bin - 1];
        }
        let (mut sorted, mut next) = (vec![0; bins.len()], starts.clone());
        for (i, &bin) in (0..).zip(&bins) {
            let at = &mut next[bin as usize];
            sorted[*at] = i;
            *at += 1;
        }
        (sorted, starts)
    }

    /// Replaces the bounds. The caller holds the forming lock, so that one does at a time. Unless
    /// `open`, all lengths go to the first bin.
    pub(super) fn replace(&self, edges: &Edges, open: bool) {
        let inner = &edges.bounds()[1..edges.bins()];
        for (bound, &edge) in self.bounds.iter().zip(inner) {
            bound.store(edge, Ordering::Relaxed);
        }
        self.inner.store(if open { inner.len() } else { 0 }, Ordering::Relaxed);
    }
}
