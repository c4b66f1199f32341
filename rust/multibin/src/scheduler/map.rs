//! The map from a length to its bin that producers read while it may be replaced.

use crate::edges::Edges;
use crate::sync::{AtomicU32, AtomicUsize, Ordering};

/// As many bounds are faster compared one and all, several at a time, than searched.
const FEW: usize = 32;

/// Inner bounds that change in place. Who reads them in mid-change may find a bin of neither map:
/// then a request waits in an odd queue, as after a wrong prediction, and nothing is lost.
#[derive(Debug)]
pub(super) struct BinMap {
    /// The first `inner` are in use and increase.
    bounds: Box<[AtomicU32]>,
    inner: AtomicUsize,
}

impl BinMap {
    /// With room for `most` bins.
    pub(super) fn new(edges: &Edges, most: usize) -> Self {
        let bounds = (1..most).map(|_| AtomicU32::new(0)).collect();
        let map = Self { bounds, inner: AtomicUsize::new(0) };
        map.replace(edges, true);
        map
    }

    /// The bin of `length`, below the number of bins there is room for. Wait-free.
    #[inline]
    pub(super) fn bin(&self, length: u32) -> usize {
        // Relaxed, here and below: any mixture of old and new bounds gives some bin.
        let inner = &self.bounds[..self.inner.load(Ordering::Relaxed)];
        inner.partition_point(|edge| edge.load(Ordering::Relaxed) <= length)
    }

    /// The bin of each length. Wait-free.
    pub(super) fn bins(&self, lengths: &[u32]) -> Vec<u16> {
        let inner = &self.bounds[..self.inner.load(Ordering::Relaxed)];
        let bounds: Vec<u32> = inner.iter().map(|edge| edge.load(Ordering::Relaxed)).collect();
        if bounds.len() > FEW {
            let bin = |length| bounds.partition_point(|&edge| edge <= length) as u16;
            return lengths.iter().map(|&length| bin(length)).collect();
        }
        let bin = |length| bounds.iter().map(|&edge| u32::from(edge <= length)).sum::<u32>() as u16;
        lengths.iter().map(|&length| bin(length)).collect()
    }

    /// Who replaces holds the forming lock, so that one does at a time. Not `open`: all lengths go to
    /// the first bin.
    pub(super) fn replace(&self, edges: &Edges, open: bool) {
        let inner = &edges.bounds()[1..edges.bins()];
        for (bound, &edge) in self.bounds.iter().zip(inner) {
            bound.store(edge, Ordering::Relaxed);
        }
        self.inner.store(if open { inner.len() } else { 0 }, Ordering::Relaxed);
    }
}
