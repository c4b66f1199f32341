//! The distinct predicted lengths of a workload.

use super::fifo_queues::FifoQueues;
use crate::policy::BitSet;

/// Numbers the distinct predicted lengths of a workload: each gets a queue.
#[derive(Debug)]
pub(super) struct LengthIndex {
    /// Increasing.
    lengths: Vec<u32>,
}

impl LengthIndex {
    pub(super) fn new(predicted: &[u32]) -> Self {
        let mut lengths = predicted.to_vec();
        lengths.sort_unstable();
        lengths.dedup();
        Self { lengths }
    }

    /// Makes an empty queue for each length.
    pub(super) fn queues(&self, requests: usize) -> FifoQueues {
        FifoQueues::new(self.lengths.len().max(1), requests)
    }

    /// Makes an empty set of queues.
    pub(super) fn empty_set(&self) -> BitSet {
        BitSet::new(self.lengths.len().max(1))
    }

    /// Returns the queue of a length of the workload.
    #[inline]
    pub(super) fn queue(&self, length: u32) -> usize {
        self.lengths.partition_point(|&other| other < length)
    }

    /// Returns the length of a queue's requests.
    #[inline]
    pub(super) fn length(&self, queue: usize) -> u32 {
        self.lengths[queue]
    }
}
