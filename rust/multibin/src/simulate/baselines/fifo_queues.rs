//! Waiting requests, ordered by length and by arrival at once.

use crate::policy::BitSet;

const NIL: u32 = u32::MAX;

/// FIFO queues, one for each bin or for each distinct length, in increasing order.
///
/// The oldest request of all is the first of its queue, so none is ever removed from the middle.
#[derive(Debug)]
pub(super) struct FifoQueues {
    /// By queue, its first and last request.
    ends: Vec<(u32, u32)>,
    occupied: BitSet,
    /// By request.
    links: Vec<Link>,
    /// A lower bound of the oldest waiting request.
    oldest: usize,
    waiting: usize,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    /// The request's queue while it waits, else [`NIL`].
    queue: u32,
    /// The next request in that queue.
    next: u32,
}

impl FifoQueues {
    /// Makes empty queues for the requests of a workload.
    pub(super) fn new(queues: usize, requests: usize) -> Self {
        Self {
            ends: vec![(NIL, NIL); queues],
            occupied: BitSet::new(queues),
            links: vec![Link { queue: NIL, next: NIL }; requests],
            oldest: 0,
            waiting: 0,
        }
    }

    /// Returns the number of waiting requests.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Appends a request to a queue.
    #[inline]
    pub(super) fn push(&mut self, queue: usize, request: u32) {
        let (first, last) = &mut self.ends[queue];
        if *first == NIL {
            *first = request;
            self.occupied.insert(queue);
        } else {
            self.links[*last as usize].next = request;
        }
        *last = request;
        self.links[request as usize].queue = queue as u32;
        self.waiting += 1;
    }

    /// Takes the first request of a queue.
    #[inline]
    pub(super) fn pop(&mut self, queue: usize) -> Option<u32> {
        let request = self.first(queue)?;
        let Link { next, .. } = self.links[request as usize];
        self.ends[queue].0 = next;
        if next == NIL {
            self.occupied.remove(queue);
        }
        self.links[request as usize].queue = NIL;
        self.waiting -= 1;
        Some(request)
    }

    /// Returns the queue of a request, or `None` once it was taken.
    #[inline]
    pub(super) fn queue_of(&self, request: u32) -> Option<usize> {
        let Link { queue, .. } = self.links[request as usize];
        (queue != NIL).then_some(queue as usize)
    }

    /// Returns the first request of a queue.
    #[inline]
    pub(super) fn first(&self, queue: usize) -> Option<u32> {
        let first = self.ends[queue].0;
        (first != NIL).then_some(first)
    }

    /// Returns the request that follows another in its queue, also if that other was taken.
    #[inline]
    pub(super) fn next(&self, request: u32) -> Option<u32> {
        let Link { next, .. } = self.links[request as usize];
        (next != NIL).then_some(next)
    }

    /// Returns the queue of the oldest request. Precondition: requests were pushed in their order.
    #[inline]
    pub(super) fn oldest(&mut self) -> Option<usize> {
        if self.waiting == 0 {
            return None;
        }
        while self.links[self.oldest].queue == NIL {
            self.oldest += 1;
        }
        Some(self.links[self.oldest].queue as usize)
    }

    /// Returns the lowest queue from `queue` on that has a request.
    #[inline]
    pub(super) fn at_least(&self, queue: usize) -> Option<usize> {
        self.occupied.at_least(queue)
    }

    /// Returns the highest queue up to `queue` that has a request.
    #[inline]
    pub(super) fn at_most(&self, queue: usize) -> Option<usize> {
        self.occupied.at_most(queue)
    }

    /// Returns the highest queue that has a request.
    pub(super) fn highest(&self) -> Option<usize> {
        self.at_most(self.ends.len() - 1)
    }

    /// Moves requests of a queue into `batch` until it holds `max` requests.
    #[inline]
    pub(super) fn take(&mut self, queue: usize, max: usize, batch: &mut Vec<u32>) {
        while batch.len() < max {
            let Some(request) = self.pop(queue) else { break };
            batch.push(request);
        }
    }

    /// Moves the oldest requests of all into `batch` until it holds `max` requests.
    pub(super) fn take_oldest(&mut self, max: usize, batch: &mut Vec<u32>) {
        while batch.len() < max
            && let Some(queue) = self.oldest()
        {
            batch.extend(self.pop(queue));
        }
    }
}
