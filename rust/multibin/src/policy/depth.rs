//! How much waits in a bin, and since when.

use super::bins::Bins;
use super::former::Former;

/// What waits in one bin, for any worker.
pub(crate) struct Depth {
    pub(crate) waiting: u64,
    /// The climbers among them.
    pub(crate) parked: u64,
    /// The earliest arrival among the heads of the bin's queues.
    pub(crate) oldest: Option<u64>,
}

impl Former {
    /// Returns what waits in `bin`. O(workers that hold climbers).
    pub(crate) fn depth_of(&self, bin: usize) -> Depth {
        let climbers = || self.queues.all_climbers().filter(|bins| bins.waiting() > 0);
        let new = self.queues.new_requests();
        let len = |bins: &Bins| u64::from(bins.queue(bin).len);
        let arrival = |bins: &Bins| {
            let (_, entry) = bins.queue(bin).iter(&self.slab).next()?;
            Some(entry.row.arrival)
        };
        let parked = climbers().map(len).sum();
        let oldest = climbers().chain([new]).filter_map(arrival).min();
        Depth { waiting: len(new) + parked, parked, oldest }
    }
}
