//! The order in which requests join.

use crate::simulate::baselines::continuous_order::ContinuousOrder;
use crate::simulate::baselines::fifo_queues::FifoQueues;
use crate::simulate::baselines::length_index::LengthIndex;

/// The waiting requests, in the order in which they join.
pub(super) struct JoinQueue<'a> {
    predicted: &'a [u32],
    order: ContinuousOrder,
    /// `None`: all requests are in one queue.
    lengths: Option<LengthIndex>,
    waiting: FifoQueues,
}

impl<'a> JoinQueue<'a> {
    pub(super) fn new(predicted: &'a [u32], order: ContinuousOrder) -> Self {
        let lengths = (order != ContinuousOrder::Fifo).then(|| LengthIndex::new(predicted));
        let waiting = match &lengths {
            None => FifoQueues::new(1, predicted.len()),
            Some(lengths) => lengths.queues(predicted.len()),
        };
        Self { predicted, order, lengths, waiting }
    }

    pub(super) fn push(&mut self, request: u32) {
        let length = self.predicted[request as usize];
        let queue = self.lengths.as_ref().map_or(0, |lengths| lengths.queue(length));
        self.waiting.push(queue, request);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.waiting() == 0
    }

    pub(super) fn pop(&mut self) -> Option<u32> {
        let queue = match self.order {
            ContinuousOrder::Fifo => Some(0),
            ContinuousOrder::Longest => self.waiting.highest(),
            ContinuousOrder::Shortest => self.waiting.at_least(0),
        };
        self.waiting.pop(queue?)
    }
}
