//! How much waits in a bin, and since when.

use super::bins::Bins;
use super::former::Former;

/// What waits in one bin, for whichever worker.
pub(crate) struct Depth {
    pub(crate) waiting: u64,
    /// Those among them that climb.
    pub(crate) parked: u64,
    /// When the first to arrive among the heads of its queues did.
    pub(crate) oldest: Option<u64>,
}

impl Former {
    /// O(workers that hold climbers).
    pub(crate) fn depth_of(&self, bin: usize) -> Depth {
        let all = || self.own.values().chain(self.retired.values()).chain([&self.anyones]);
        let climbers = || all().filter(|bins| bins.waiting > 0);
        let len = |bins: &Bins| u64::from(bins.queues[bin].len);
        let arrival = |bins: &Bins| {
            let (_, entry) = bins.queues[bin].iter(&self.slab).next()?;
            Some(entry.row.arrival)
        };
        let parked = climbers().map(len).sum();
        let oldest = climbers().chain([&self.fresh]).filter_map(arrival).min();
        Depth { waiting: len(&self.fresh) + parked, parked, oldest }
    }
}
