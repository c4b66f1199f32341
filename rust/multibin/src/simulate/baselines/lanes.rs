//! What waits, in order of length and in order of arrival at once.

use crate::policy::BitSet;

const NIL: u32 = u32::MAX;

/// One queue per lane (a bin, or a distinct length), first in, first out. The oldest of all is the
/// first of its lane, so nothing is ever removed from the middle.
#[derive(Debug)]
pub(in super::super) struct Lanes {
    /// By lane, its first and last request.
    ends: Vec<(u32, u32)>,
    occupied: BitSet,
    /// By request.
    places: Vec<Place>,
    /// No request before this one waits.
    oldest: usize,
    waiting: usize,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    /// Its lane while it waits.
    lane: u32,
    /// The request behind it there.
    behind: u32,
}

impl Lanes {
    /// For so many requests.
    pub(in super::super) fn new(lanes: usize, requests: usize) -> Self {
        Self {
            ends: vec![(NIL, NIL); lanes],
            occupied: BitSet::new(lanes),
            places: vec![Place { lane: NIL, behind: NIL }; requests],
            oldest: 0,
            waiting: 0,
        }
    }

    /// How many wait.
    pub(in super::super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Puts a request last in a lane.
    #[inline]
    pub(in super::super) fn push(&mut self, lane: usize, request: u32) {
        let (first, last) = &mut self.ends[lane];
        if *first == NIL {
            *first = request;
            self.occupied.insert(lane);
        } else {
            self.places[*last as usize].behind = request;
        }
        *last = request;
        self.places[request as usize].lane = lane as u32;
        self.waiting += 1;
    }

    /// Takes the first request from a lane.
    #[inline]
    pub(in super::super) fn pop(&mut self, lane: usize) -> Option<u32> {
        let request = self.first(lane)?;
        let Place { behind, .. } = self.places[request as usize];
        self.ends[lane].0 = behind;
        if behind == NIL {
            self.occupied.remove(lane);
        }
        self.places[request as usize].lane = NIL;
        self.waiting -= 1;
        Some(request)
    }

    /// The lane of a request; none once it was taken.
    #[inline]
    pub(super) fn lane(&self, request: u32) -> Option<usize> {
        let Place { lane, .. } = self.places[request as usize];
        (lane != NIL).then_some(lane as usize)
    }

    /// The first request in a lane.
    #[inline]
    pub(super) fn first(&self, lane: usize) -> Option<u32> {
        let first = self.ends[lane].0;
        (first != NIL).then_some(first)
    }

    /// The request that stands, or stood, behind another in its lane.
    #[inline]
    pub(super) fn behind(&self, request: u32) -> Option<u32> {
        let Place { behind, .. } = self.places[request as usize];
        (behind != NIL).then_some(behind)
    }

    /// The lane of the oldest request. Only where requests are pushed in their order.
    #[inline]
    pub(in super::super) fn oldest(&mut self) -> Option<usize> {
        if self.waiting == 0 {
            return None;
        }
        while self.places[self.oldest].lane == NIL {
            self.oldest += 1;
        }
        Some(self.places[self.oldest].lane as usize)
    }

    /// The lowest lane from `lane` on with a request.
    #[inline]
    pub(in super::super) fn at_least(&self, lane: usize) -> Option<usize> {
        self.occupied.at_least(lane)
    }

    /// The highest lane up to `lane` with a request.
    #[inline]
    pub(super) fn at_most(&self, lane: usize) -> Option<usize> {
        self.occupied.at_most(lane)
    }

    /// The highest lane with a request.
    pub(in super::super) fn highest(&self) -> Option<usize> {
        self.at_most(self.ends.len() - 1)
    }

    /// Moves requests of a lane into `batch` until it holds `room`.
    #[inline]
    pub(super) fn take(&mut self, lane: usize, room: usize, batch: &mut Vec<u32>) {
        while batch.len() < room {
            let Some(request) = self.pop(lane) else { break };
            batch.push(request);
        }
    }

    /// Moves the oldest of all into `batch` until it holds `room`.
    pub(super) fn take_oldest(&mut self, room: usize, batch: &mut Vec<u32>) {
        while batch.len() < room
            && let Some(lane) = self.oldest()
        {
            batch.extend(self.pop(lane));
        }
    }
}

/// The distinct predicted lengths of a workload, each a lane.
#[derive(Debug)]
pub(in super::super) struct Lengths {
    distinct: Vec<u32>,
}

impl Lengths {
    pub(in super::super) fn new(predicted: &[u32]) -> Self {
        let mut distinct = predicted.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        Self { distinct }
    }

    /// Empty lanes for these lengths.
    pub(in super::super) fn lanes(&self, requests: usize) -> Lanes {
        Lanes::new(self.distinct.len().max(1), requests)
    }

    /// No lane.
    pub(super) fn none(&self) -> BitSet {
        BitSet::new(self.distinct.len().max(1))
    }

    /// The lane of a length of the workload.
    #[inline]
    pub(in super::super) fn lane(&self, length: u32) -> usize {
        self.distinct.partition_point(|&other| other < length)
    }

    /// The length in a lane.
    #[inline]
    pub(super) fn length(&self, lane: usize) -> u32 {
        self.distinct[lane]
    }
}
