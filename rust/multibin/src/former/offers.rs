//! Whether a batch would leave, without taking it: whom to wake.

use super::{Former, View, WorkerId};
use crate::config::Fill;

impl Former {
    /// Whether [`Former::form`] would give `worker` a batch.
    pub(crate) fn offers(&mut self, now: u64, worker: WorkerId, closed: bool) -> bool {
        let everything = View { worker, starts: usize::MAX };
        if self.expires(now) {
            return true;
        }
        if self.available(everything) == 0 {
            return false;
        }
        if closed || self.rules.fill == Fill::Elastic {
            return true;
        }
        self.refresh();
        self.survey(now, everything).overdue.bin().is_some()
            || self.survey(now, self.bounded(everything)).full.bin().is_some()
    }
}
