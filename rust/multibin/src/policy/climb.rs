//! Rows that enter again: climbers, and climbers that restart as their worker is gone.

use super::former::Former;
use super::waiting::{Entry, Home, Owner};
use crate::request::{Row, WorkerId};

impl Former {
    /// Adds a worker, without climbers.
    pub(crate) fn add_worker(&mut self, worker: WorkerId) {
        self.queues.add_worker(worker, &self.rules);
    }

    /// Returns true if climbers of `worker` are kept for it.
    pub(crate) fn has_worker(&self, worker: WorkerId) -> bool {
        self.queues.has_worker(worker)
    }

    /// Lets `row` enter again, behind the entries of its bin. `admitted` counts all first entries
    /// so far.
    ///
    /// `worker` holds the row's state; `None`: any worker may continue it. If the worker is gone,
    /// the state is too: the row restarts at progress 0.
    ///
    /// Returns true if the row restarts.
    pub(crate) fn climb(&mut self, row: Row, worker: Option<WorkerId>, admitted: u64) -> bool {
        let sequence = self.next_reentry(admitted);
        self.resubmitted += 1;
        let restarts = worker.is_some_and(|worker| !self.has_worker(worker));
        if restarts {
            self.restart(row, sequence);
        } else {
            self.reenter(row, worker.map_or(Owner::Shared, Owner::Pinned), sequence);
        }
        restarts
    }

    /// Returns the sequence number of the next entry of a request that had entered before.
    fn next_reentry(&self, admitted: u64) -> u64 {
        admitted + self.resubmitted + self.restarted
    }

    /// Adds a row to the queue of its bin.
    fn reenter(&mut self, row: Row, owner: Owner, sequence: u64) {
        self.next_sequence = self.next_sequence.max(sequence + 1);
        let (bin, bypass_bound) = (self.bin_of(&row), self.bypass_bound(sequence));
        let entry = Entry { row, sequence, bypass_bound };
        self.queues.push(Home { owner, bin }, &mut self.slab, entry, self.full.of(bin));
        self.changed.insert(bin);
        if owner == Owner::New {
            self.invalidate_head(bin);
        }
    }

    fn restart(&mut self, row: Row, sequence: u64) {
        self.may_hold_restarted = true;
        self.reenter(Row { progress: 0, ..row }, Owner::New, sequence);
    }

    /// Removes a worker. Its climbers wait for [`Former::restart_orphans`], and can be cancelled
    /// meanwhile. Returns true if there are any. O(log of the workers + bins).
    pub(crate) fn remove_worker(&mut self, worker: WorkerId) -> bool {
        self.queues.remove_worker(worker, &mut self.slab)
    }

    /// Returns true if climbers of workers that are gone wait to restart.
    pub(crate) fn has_orphans(&self) -> bool {
        self.queues.has_orphans()
    }

    /// Restarts up to `max` climbers of a worker that is gone, bin by bin. Returns how many, and
    /// true if more are left.
    pub(crate) fn restart_orphans(
        &mut self,
        worker: WorkerId,
        max: usize,
        now: u64,
        admitted: u64,
    ) -> (u64, bool) {
        let (rows, more) = self.queues.take_orphans(worker, &mut self.slab, &self.full, max);
        for row in &rows {
            let sequence = self.next_reentry(admitted);
            self.restart(Row { entered: now, ..*row }, sequence);
            self.restarted += 1;
        }
        debug_assert!(self.queues.is_consistent());
        (rows.len() as u64, more)
    }
}
