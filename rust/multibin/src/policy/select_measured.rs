//! Selects the batch that leaves by measured costs.

use std::sync::Arc;

use super::bins::Eligible;
use super::former::{Formed, Former};
use super::measured::{Measured, Window};
use super::waiting::Home;
use crate::costs::BatchTimes;
use crate::request::{Reason, Row};

impl Former {
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
        self.refresh();
        let mut scan = self.scan(now, all, None);
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

    /// Takes the head of a queue and what leaves with it by the best cut of the window around it.
    fn take_part(&mut self, eligible: Eligible, home: Home, measured: &mut Measured) -> Vec<Row> {
        let Measured { times, window, cut } = measured;
        self.look_around(eligible, home, window);
        let most = times.max_rows() as usize;
        // Without climbers all rows are new. Beside climbers, `max_new` lets all start or none.
        let most = if eligible.max_new > 0 { most.min(eligible.max_new) } else { most };
        self.find_most_rows(window, most, &mut cut.most_rows);
        cut.compute(times, window);
        let part = cut.part_of(times, window, window.leader());
        window.pick(part);
        self.take_picked(window)
    }

    /// Takes the picked entries of a window, in the order of their lengths.
    fn take_picked(&mut self, window: &Window) -> Vec<Row> {
        let row = |position| self.slab.entry(position).row;
        let rows = window.picked().map(row).collect();
        for run in window.runs() {
            let (full, entries) = (self.full.of(run.home.bin), window.entries(run));
            let ((), taken) = self.queues.take(run.home, &mut self.slab, full, |queue, slab| {
                queue.take_picked(slab, entries);
            });
            if taken.new + taken.climbers > 0 {
                self.changed.insert(run.home.bin);
            }
            self.settle(taken);
        }
        rows
    }
}
