//! First entries, those of one bin together: what they share is looked up once.

use super::bins::Entrance;
use super::former::Former;
use super::rules::Rules;
use super::ticket_index::TicketIndex;
use super::waiting::{Entry, Rank, Slab};
use crate::request::{Row, Submission};

/// Enters requests into one bin.
pub(crate) struct Arrivals<'a> {
    entrance: Entrance<'a>,
    slab: &'a mut Slab,
    places: &'a mut TicketIndex,
    rules: &'a Rules,
    taken: u64,
    /// Entries so far that left.
    gone: u64,
    /// Entries so far that were no first ones.
    again: u64,
    /// The greatest order so far, and one.
    orders: u64,
}

impl Arrivals<'_> {
    #[expect(clippy::inline_always, reason = "an entry is not copied on its way into the slab")]
    #[inline(always)]
    pub(crate) fn push(&mut self, submission: Submission) {
        let Submission { ticket, deadline, .. } = submission;
        // Tickets count arrivals, so this counts the entries of all kinds that came before.
        let order = ticket + self.again;
        // An arrival that was published late may find later ones already taken.
        let due = self.rules.due(self.taken, order.saturating_sub(self.gone));
        let entry = Entry { row: Row::from(submission), order, due };
        let at = self.entrance.push(self.slab, entry);
        self.places.remember(self.slab, ticket, at);
        self.orders = self.orders.max(order + 1);
        if deadline != u64::MAX {
            self.slab.expect(at);
        }
    }
}

impl Former {
    /// Whoever `come` lets in enters `bin`; returns what it does.
    #[inline]
    pub(crate) fn arrive<T>(&mut self, bin: usize, come: impl FnOnce(&mut Arrivals<'_>) -> T) -> T {
        let full = self.full(bin);
        let (taken, gone, again) = (self.taken, self.gone(), self.resubmitted + self.handed_back);
        let before = self.fresh.queues[bin].len;
        let mut arrivals = Arrivals {
            entrance: self.fresh.entrance(bin, full),
            slab: &mut self.slab,
            places: &mut self.places,
            rules: &self.rules,
            taken,
            gone,
            again,
            orders: self.orders,
        };
        let done = come(&mut arrivals);
        self.orders = arrivals.orders;
        let now = self.fresh.entered(bin, before);
        self.entered[bin] += u64::from(now - before);
        self.changed.insert(bin);
        // In a heap any entry may be the new head, and with a budget complete a batch.
        let any = self.rules.rank != Rank::Ticket || full.budget.is_some();
        if now > before && (any || before == 0 || before < full.rows && now >= full.rows) {
            self.update(bin);
        }
        done
    }
}
