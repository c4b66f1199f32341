//! A waiting request as the rules see it.

use std::time::Duration;

use crate::{Options, Reason};

/// A waiting request as the rules see it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: u64,
    pub(super) ticket: u64,
    pub(super) length: u32,
    pub(super) progress: u32,
    pub(super) bin: usize,
    /// Entries into queues before this one.
    pub(super) sequence: u64,
    /// More rows taken than this: bypassed.
    pub(super) bypass_bound: u64,
    /// The worker that its climb is pinned to.
    pub(super) owner: Option<usize>,
    /// It climbs; otherwise it is new.
    pub(super) parked: bool,
    /// It has been in a batch.
    pub(super) started: bool,
    pub(super) arrival: u64,
    pub(super) entered: u64,
    pub(super) options: Options,
}

/// A bin, the worker whose climbers it holds, and whether it holds climbers.
pub(super) type Queue = (usize, Option<usize>, bool);

/// A batch that leaves: its rows, the leader's bin, the reason, the limit.
pub(super) type Leaves = (Vec<Entry>, usize, Reason, Option<u32>);

impl Entry {
    /// Returns the index of its queue among those of a bin: pinned climbers, shared climbers, new
    /// requests.
    pub(super) fn source(&self) -> u8 {
        if self.owner.is_some() { 0 } else { 2 - u8::from(self.parked) }
    }

    pub(super) fn queue(&self) -> Queue {
        (self.bin, self.owner, self.parked)
    }

    /// Returns the predicted steps in all; at least one is left.
    pub(super) fn steps(&self) -> u64 {
        u64::from(self.length.max(self.progress + 1))
    }

    pub(super) fn cost(&self) -> u64 {
        u64::from(self.options.cost.unwrap_or(self.length))
    }

    /// Returns when it expires if it has not started.
    pub(super) fn deadline(&self) -> Option<u64> {
        let ttl = self.options.ttl.filter(|_| !self.started)?;
        Some(self.arrival + nanoseconds(ttl))
    }
}

pub(super) fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}
