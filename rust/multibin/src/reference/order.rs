//! Which request is ahead of which, and which ones are overdue.

use super::entry::{Entry, nanoseconds};
use super::state::Reference;
use crate::{Fill, Order};

impl Reference {
    /// Returns true if ranks, not the order of entry, decide inside a bin.
    pub(super) fn is_ranked(&self) -> bool {
        self.config.ageing.is_some() || self.config.order == Some(Order::Deadline)
    }

    /// Returns what orders the entries of a bin and the bins.
    pub(super) fn rank(&self, entry: &Entry) -> u64 {
        match (self.config.order, self.config.ageing) {
            (Some(Order::Deadline), _) => match entry.options.ttl {
                Some(ttl) => entry.arrival + nanoseconds(ttl),
                None => (1 << 63) + entry.ticket,
            },
            (_, Some(ageing)) => {
                let delay = ageing * 1e9 * f64::from(entry.options.priority * entry.length);
                #[expect(clippy::cast_sign_loss, reason = "no factor is negative")]
                let delay = delay as u64;
                entry.arrival + delay
            }
            _ => entry.ticket,
        }
    }

    /// Returns the entries of a bin that `worker` may take, in order.
    pub(super) fn bin(&self, worker: usize, bin: usize) -> Vec<Entry> {
        let eligible = |entry: &&Entry| entry.bin == bin && entry.owner.is_none_or(|o| o == worker);
        let mut entries: Vec<_> = self.waiting.iter().filter(eligible).cloned().collect();
        let rank = |e: &Entry| if self.is_ranked() { self.rank(e) } else { e.sequence };
        entries.sort_by_key(|entry| (rank(entry), entry.ticket));
        entries
    }

    /// Returns the bypass bound of an entry: more than 1.75·w + 4·B others after those taken so
    /// far, where w = `ahead` wait.
    pub(super) fn bypass_bound(&self, ahead: u64) -> u64 {
        let others = ahead + 3 * ahead / 4 + 4 * self.min_size() as u64;
        if self.config.fill == Fill::Strict { u64::MAX } else { self.taken + others }
    }

    /// Returns the bypass bound that applies to an entry. In a FIFO queue it is not below those of
    /// the entries ahead, nor below those of the entries that were taken ahead of it.
    fn bound_in_queue(&self, entry: &Entry) -> u64 {
        if self.is_ranked() {
            return entry.bypass_bound;
        }
        let ahead = |e: &&Entry| e.queue() == entry.queue() && e.sequence <= entry.sequence;
        let floor = self.bound_floors.get(&entry.queue()).copied();
        let ahead = self.waiting.iter().filter(ahead).map(|e| e.bypass_bound).chain(floor);
        ahead.fold(entry.bypass_bound, u64::max)
    }

    pub(super) fn is_overdue(&self, entry: &Entry) -> bool {
        let waited = |max| self.now - entry.entered >= nanoseconds(max);
        self.taken > self.bound_in_queue(entry) || self.config.max_wait.is_some_and(waited)
    }

    /// Returns the rank for rule 1: overdue entries first, by arrival, then the others by rank.
    pub(super) fn overdue_first(&self, entry: &Entry) -> (bool, u64, u64) {
        let overdue = self.is_overdue(entry);
        (!overdue, if overdue { entry.ticket } else { self.rank(entry) }, entry.ticket)
    }

    /// Returns the overdue heads. Each queue of a bin has a head, also behind those of the others.
    pub(super) fn overdue_heads(&self, bins: &[Vec<Entry>]) -> Vec<Entry> {
        let is_head = |bin: &[Entry], entry: &Entry| {
            let mut ahead = bin.iter().take_while(|ahead| ahead.ticket != entry.ticket);
            !ahead.any(|ahead| ahead.queue() == entry.queue())
        };
        let heads = bins.iter().flat_map(|bin| bin.iter().filter(|entry| is_head(bin, entry)));
        heads.filter(|head| self.is_overdue(head)).cloned().collect()
    }
}
