//! Selects the batch that leaves: the rules, in order.

use super::bins::Eligible;
use super::former::{Formed, Former};
use crate::config::Fill;
use crate::request::{Reason, WorkerId};

impl Former {
    /// Returns the next batch for `worker`, if one may leave now. `closed`: nothing more will
    /// arrive. At most `max_new` of its rows have not started.
    ///
    /// A request never leaves after its deadline. While more have expired than are taken out at
    /// once, a batch only reports those that were.
    pub(crate) fn form(
        &mut self,
        now: u64,
        worker: WorkerId,
        closed: bool,
        max_new: usize,
    ) -> Option<Formed> {
        self.expire(now);
        let all = Eligible { worker: Some(worker), max_new };
        let may_leave = self.queues.available(all) > 0 && self.past_deadline(now).is_none();
        let formed = if may_leave { self.select(now, all, closed) } else { None };
        debug_assert!(self.queues.is_consistent());
        let expired = self.take_unreported();
        if let Some(formed) = formed {
            self.taken += formed.rows.len() as u64;
            self.may_hold_restarted &= self.queues.new_requests().waiting() > 0;
            return Some(Formed { expired, ..formed });
        }
        let nothing = Formed::new(Vec::new(), None, 0, Reason::Expired);
        (!expired.is_empty()).then_some(Formed { expired, ..nothing })
    }

    /// Applies the rules in order. `all`: what is eligible unless `max_parked` bounds it.
    fn select(&mut self, now: u64, all: Eligible, closed: bool) -> Option<Formed> {
        if let Some(mut measured) = self.measured.take() {
            let formed = self.select_measured(now, all, closed, &mut measured);
            self.measured = Some(measured);
            return formed;
        }
        let elastic = self.rules.fill == Fill::Elastic;
        let eligible = self.bounded(now, all, closed);
        let bounded = eligible.max_new != all.max_new;
        let waiting = self.queues.waiting(eligible.worker);
        let light_load = elastic && !closed && self.rules.is_light_load(waiting);
        if light_load && (!bounded || !self.is_new_overdue(now)) {
            return Some(self.light_load(now, eligible));
        }
        self.refresh();
        let mut scan = self.scan(now, all, None);
        // A closed strict scheduler lets full bins go first; everything leaves anyway.
        if let Some((bin, owner)) = scan.overdue.leader.filter(|_| elastic || !closed) {
            return Some(self.fill(Some(owner), eligible, bin, Reason::Overdue));
        }
        if bounded {
            scan = self.scan(now, eligible, None);
        }
        if let Some(bin) = scan.full.leader {
            return Some(self.fill(None, eligible, bin, Reason::Full));
        }
        let reason = if closed { Reason::Drain } else { Reason::Elastic };
        let oldest = scan.oldest.leader.filter(|_| elastic || closed);
        oldest.map(|bin| self.fill(None, eligible, bin, reason))
    }

    /// Returns true if a new request is overdue. While `max_parked` climbers wait, rule 1 would
    /// take others for as long as these climb.
    fn is_new_overdue(&mut self, now: u64) -> bool {
        self.refresh();
        self.overdue_new(now).leader.is_some()
    }

    /// Returns what is eligible under `max_parked`. While so many climbers wait, no request starts
    /// if climbers may continue: with strict fill, if they hold a batch.
    pub(super) fn bounded(&self, now: u64, all: Eligible, closed: bool) -> Eligible {
        let full = self.rules.max_parked.is_some_and(|max| self.queues.parked() >= max);
        let climbers = Eligible { max_new: 0, ..all };
        if !full || self.queues.available(climbers) == 0 {
            return all;
        }
        if self.leaves_at_once(closed) || self.scan(now, climbers, None).leads() {
            return climbers;
        }
        all
    }

    /// Returns true if anything leaves as soon as it waits.
    pub(super) fn leaves_at_once(&self, closed: bool) -> bool {
        closed || self.rules.fill == Fill::Elastic
    }
}
