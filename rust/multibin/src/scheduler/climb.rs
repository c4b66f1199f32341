//! Resubmitted rows enter queues again, and those of a worker that is gone restart.

use super::expire::TURN;
use super::inner::{Inner, Locked};
use super::locks::{Panics, WakeList};
use crate::request::{Row, WorkerId};

/// The most climbers that restart under one hold of the forming lock.
const RESTARTS: usize = 1024;

impl Inner {
    /// Puts resubmitted rows into queues, pinned to `worker` while it lives.
    pub(super) fn climb(
        &self,
        rows: impl Iterator<Item = Row>,
        worker: Option<WorkerId>,
        wakes: &WakeList,
    ) {
        let mut state = self.lock(wakes);
        let entered = self.now();
        let admitted = self.admission.admitted();
        state.collect(&self.notifier);
        for row in rows {
            let restarted = state.former.climb(Row { entered, ..row }, worker, admitted);
            state.restarted += u64::from(restarted);
        }
        self.notify_next(&mut state, entered);
    }

    /// Closes a worker. Its waiters are woken, and its climbers restart in the shared queues.
    pub(super) fn remove_worker(&self, worker: WorkerId) {
        let panics = Panics::default();
        let step = |first: bool| {
            let wakes = WakeList::new();
            let mut state = self.lock(&wakes);
            if first {
                state.former.remove_worker(worker);
                state.wake_all(|waiting| waiting == worker);
            }
            let more = self.restart(&mut state, worker);
            drop(state);
            panics.keep(wakes.fire());
            more
        };
        let mut more = step(true);
        while more {
            std::thread::sleep(TURN);
            more = step(false);
        }
    }

    /// Restarts some climbers of a worker that is gone. Returns true if more are left.
    fn restart(&self, state: &mut Locked<'_>, worker: WorkerId) -> bool {
        state.collect(&self.notifier);
        let (admitted, now) = (self.admission.admitted(), self.now());
        let (restarted, more) = state.former.restart_orphans(worker, RESTARTS, now, admitted);
        state.restarted += restarted;
        self.notify_next(state, now);
        more
    }
}
