//! Batches by measured costs: the oldest request leads, and the batch is its part of the best cut.

mod cut;
mod most_rows;
mod window;

use std::sync::Arc;

use super::bins::Eligible;
use super::former::{Formed, Former};
use super::waiting::{Home, Owner};
use crate::costs::BatchTimes;
use crate::request::{Reason, Row};

use cut::Cut;
use window::Window;

/// The measured costs of a former, and the scratch space of its rule.
#[derive(Debug)]
pub(super) struct Measured {
    times: Arc<BatchTimes>,
    window: Window,
    cut: Cut,
}

impl Former {
    /// Sets the seconds of a batch by which batches are cut; `None`: no costs are known. Follows
    /// [`Former::set_rules`].
    pub(crate) fn set_costs(&mut self, costs: Option<&Arc<BatchTimes>>) {
        let most = self.rules.max_batch_size.min(Window::MOST as u32);
        self.measured = costs.map(|times| {
            let longer = (times.max_rows() < most).then(|| times.with_max_rows(most).ok());
            let times = longer.flatten().map_or_else(|| Arc::clone(times), Arc::new);
            Box::new(Measured { times, window: Window::default(), cut: Cut::default() })
        });
    }

    /// Returns the former with such seconds set.
    pub(crate) fn with_costs(mut self, costs: Option<&Arc<BatchTimes>>) -> Self {
        self.set_costs(costs);
        self
    }

    /// Returns the batch of an overdue head, or else of the oldest head. It leaves from its bin
    /// alone if that is full, else it is the leader's part of the best cut of what waits nearby.
    pub(super) fn select_measured(
        &mut self,
        now: u64,
        eligible: Eligible,
        closed: bool,
        measured: &mut Measured,
    ) -> Option<Formed> {
        self.refresh();
        let scan = self.scan(now, eligible, None);
        let overdue = scan.overdue.leader.map(|(bin, _)| bin);
        let bin = overdue.or(scan.oldest.leader)?;
        let full = self.queues.new_requests().is_full(bin, self.full.of(bin));
        let reason = match overdue {
            Some(_) => Reason::Overdue,
            None if full => Reason::Full,
            None if closed => Reason::Drain,
            None => Reason::Elastic,
        };
        if full {
            return Some(self.fill_from(eligible, bin, reason));
        }
        let rows = self.take_part(eligible, bin, measured);
        Some(Formed::new(rows, None, bin, reason))
    }

    /// Takes the head of `bin` and what leaves with it by the best cut of the window around it.
    fn take_part(&mut self, eligible: Eligible, bin: usize, measured: &mut Measured) -> Vec<Row> {
        let Measured { times, window, cut } = measured;
        self.look_around(bin, window);
        window.sort();
        let most = (times.max_rows() as usize).min(eligible.max_new);
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
            let home = Home { owner: Owner::New, bin: run.bin };
            let (full, entries) = (self.full.of(run.bin), window.entries(run));
            let ((), taken) = self.queues.take(home, &mut self.slab, full, |queue, slab| {
                queue.take_picked(slab, entries);
            });
            if taken.new > 0 {
                self.changed.insert(run.bin);
            }
            self.settle(taken);
        }
        rows
    }
}
