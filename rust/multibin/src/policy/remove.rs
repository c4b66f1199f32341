//! Requests that leave their queue without being served: cancelled or expired.

use super::former::Former;
use crate::request::{Row, Ticket};

impl Former {
    /// Takes the request with this ticket out of its queue, if it waits in one. O(batch size), in a
    /// heap O(log n), too.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<Row> {
        let position = self.slab.find(ticket)?;
        Some(self.unlink(position))
    }

    /// Counts a request as arrived and gone that was withdrawn before it arrived here.
    pub(crate) fn count_withdrawn(&mut self) {
        self.removed += 1;
    }

    /// Takes the entry at a position out of its queue.
    pub(super) fn unlink(&mut self, position: u32) -> Row {
        let home = self.slab.home(position);
        let (row, taken) =
            self.queues.take(home, &mut self.slab, self.full.of(home.bin), |queue, slab| {
                queue.unlink(slab, position)
            });
        self.settle(taken);
        self.removed += 1;
        self.changed.insert(home.bin);
        row
    }
}
