//! Selects the batch that leaves by measured costs.

use std::ops::Range;
use std::sync::Arc;

use super::bins::Eligible;
use super::candidate::Scan;
use super::former::{Formed, Former};
use super::measured::{Measured, Window};
use super::waiting::Home;
use crate::costs::BatchTimes;
use crate::request::{Reason, Row};

impl Former {
    /// So many requests have few heads.
    const FEW: usize = 64;

    /// Sets the seconds of a batch by which batches are cut; `None`: no costs are known. Follows
    /// [`Former::set_rules`].
    pub(crate) fn set_costs(&mut self, costs: Option<&Arc<BatchTimes>>) {
        let most = self.rules.max_batch_size.min(BatchTimes::MOST_ROWS);
        self.measured = costs.map(|times| {
            let longer = (times.max_rows() < most).then(|| times.with_max_rows(most).ok());
            let times = longer.flatten().map_or_else(|| Arc::clone(times), Arc::new);
            Box::new(Measured::new(times))
        });
    }

    /// Returns the former with such seconds set.
    pub(crate) fn with_costs(mut self, costs: Option<&Arc<BatchTimes>>) -> Self {
        self.set_costs(costs);
        self
    }

    /// Returns the batch of an overdue head, or else of the oldest head. It leaves from its bin
    /// alone if that is full, else it is the leader's part of the best cut of what waits nearby.
    /// `all`: what is eligible unless `max_parked` bounds it.
    pub(super) fn select_measured(
        &mut self,
        now: u64,
        all: Eligible,
        closed: bool,
        measured: &mut Measured,
    ) -> Option<Formed> {
        let eligible = self.bounded(now, all, closed);
        let mut scan = self.scan_measured(now, all);
        let overdue = scan.overdue.leader;
        if eligible.max_new != all.max_new {
            scan = self.scan(now, eligible, None);
        }
        let bin = overdue.map(|(bin, _)| bin).or(scan.oldest.leader)?;
        let full = self.is_full(eligible, bin);
        let reason = match overdue {
            Some(_) => Reason::Overdue,
            None if full => Reason::Full,
            None if closed => Reason::Drain,
            None => Reason::Elastic,
        };
        let leader = overdue.map(|(_, owner)| owner);
        if full {
            return Some(self.fill_from_one(leader, eligible, bin, reason));
        }
        let owner = leader.unwrap_or_else(|| self.first_owner(eligible, bin));
        let rows = self.take_part(eligible, Home { owner, bin }, measured);
        Some(Formed::new(rows, None, bin, reason))
    }

    /// Returns the candidates to lead a batch. Few heads are looked at one by one: that takes fewer
    /// steps than to refresh those that changed.
    fn scan_measured(&mut self, now: u64, all: Eligible) -> Scan {
        let new = self.queues.new_requests();
        if new.waiting() <= Self::FEW && self.queues.climbing(all.worker) == 0 {
            return self.scan_new(now);
        }
        self.refresh();
        self.scan(now, all, None)
    }

    /// Takes the head of a queue with its part of the plan. Plans again if anything else
    /// changed what waits.
    fn take_part(&mut self, eligible: Eligible, home: Home, measured: &mut Measured) -> Vec<Row> {
        let (waiting, gone) = (self.queues.new_requests().waiting(), self.gone());
        let any_may_leave = self.queues.parked() == 0 && eligible.max_new >= waiting;
        if !any_may_leave || !measured.plan.holds(waiting, gone) {
            self.look_around(eligible, home, &mut measured.window);
            let is_all = any_may_leave && measured.window.len() == waiting;
            self.cut(eligible, home, is_all.then_some(waiting), measured);
        }
        let part = measured.plan.take(measured.window.head(home));
        self.take_picked(&mut measured.window, part)
    }

    /// Plans the batches of the best cut of a window down to that of the leader's; of all that
    /// waits if `waiting` is given.
    fn cut(
        &mut self,
        eligible: Eligible,
        leader: Home,
        waiting: Option<usize>,
        measured: &mut Measured,
    ) {
        let Measured { times, window, cut, plan } = measured;
        let most = times.max_rows() as usize;
        // Without climbers all rows are new. Beside climbers, `max_new` lets all start or none.
        let most = if eligible.max_new > 0 { most.min(eligible.max_new) } else { most };
        self.find_most_rows(window, most, &mut cut.most_rows);
        cut.compute(times, window);
        let mut parts = cut.parts(times, window);
        if waiting.is_some() {
            plan.keep(parts, waiting, self.gone());
        } else {
            let leader = window.head(leader);
            plan.keep(parts.find(|part| part.start <= leader).into_iter(), None, self.gone());
        }
    }

    /// Takes sorted entries of a window, in the order of their lengths.
    fn take_picked(&mut self, window: &mut Window, part: Range<usize>) -> Vec<Row> {
        let row = |at| self.slab.entry(window.position(at)).row;
        let rows = part.clone().map(row).collect();
        window.leave(part, |home, entries| {
            let full = self.full.of(home.bin);
            let ((), taken) = self.queues.take(home, &mut self.slab, full, |queue, slab| {
                queue.take_picked(slab, entries);
            });
            self.changed.insert(home.bin);
            self.settle(taken);
        });
        rows
    }
}
