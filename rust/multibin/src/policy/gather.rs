//! Taking the rows of a batch out of their queues.

use super::former::{Formed, Former, View};
use super::load::Load;
use super::waiting::{Head, Owner};
use crate::config::Fill;
use crate::request::{Reason, Row};

/// Where those who have not started are among the sources of a view.
const FRESH: usize = 2;

/// A batch while rows join it.
pub(super) struct Taking {
    pub(super) rows: Vec<Row>,
    /// The most rows: of the bins so far the smallest batch.
    room: usize,
    /// The leader's bin.
    bin: usize,
    load: Load,
}

impl Former {
    /// Up to a batch from `bin`; elastic goes on with the nearest bins, the lower one first. A queue
    /// that leads gives its head first, whether or not the view shows it.
    pub(super) fn gather(
        &mut self,
        leader: Option<Owner>,
        view: View,
        bin: usize,
        reason: Reason,
    ) -> Formed {
        let room = self.sizes[bin] as usize;
        let most = self.available(view) + usize::from(leader.is_some());
        let rows = Vec::with_capacity(most.min(room));
        let mut taking = Taking { rows, room, bin, load: Load::EMPTY };
        let led = leader.map_or(0, |queue| self.take_head(queue, &mut taking));
        let mut view = View { starts: view.starts.saturating_sub(led), ..view };
        view.starts -= self.take(view, bin, &mut taking);
        if self.rules.fill == Fill::Elastic {
            self.top_up(view, &mut taking);
        }
        let limit = self.limit(bin, &taking.rows);
        Formed::new(taking.rows, limit, bin, reason)
    }

    /// The head of a queue of the leader's bin, also from behind the heads of the others; returns 1 if it
    /// had not started.
    fn take_head(&mut self, queue: Owner, taking: &mut Taking) -> usize {
        let bin = taking.bin;
        let (fresh, full) = (queue == Owner::Fresh, self.full(bin));
        let bins = match queue {
            Owner::Fresh => &mut self.fresh,
            Owner::Anyone => &mut self.anyones,
            Owner::Worker(worker) => self.own.get_mut(&worker).expect("it asks"),
        };
        let slab = &mut self.slab;
        taking.load = taking.load.with(&slab.entry(bins.queues[bin].first()).row);
        taking.rows.push(bins.edit(bin, |queue| queue.pop(slab)));
        bins.find_full(slab, bin, full);
        self.changed.insert(bin);
        if fresh {
            self.update(bin);
        } else {
            self.parked -= 1;
        }
        usize::from(fresh)
    }

    /// From the bins nearest to the leader's, the lower one of two first.
    fn top_up(&mut self, mut view: View, taking: &mut Taking) {
        let below = |former: &Self, view, at: usize| former.at_most(view, at.checked_sub(1)?);
        let bin = taking.bin;
        let mut low = below(self, view, bin);
        let mut high = self.at_least(view, bin + 1);
        while taking.rows.len() < taking.room {
            let next = match (low, high) {
                (Some(low), Some(high)) if high - bin < bin - low => high,
                (Some(low), _) => low,
                (None, Some(high)) => high,
                (None, None) => return,
            };
            view.starts -= self.take(view, next, taking);
            if next < bin {
                low = below(self, view, next);
            } else {
                high = self.at_least(view, next + 1);
            }
        }
    }

    fn at_most(&self, view: View, to: usize) -> Option<usize> {
        self.sources(view).into_iter().flatten().filter_map(|bins| bins.at_most(to)).max()
    }

    fn at_least(&self, view: View, from: usize) -> Option<usize> {
        self.sources(view).into_iter().flatten().filter_map(|bins| bins.at_least(from)).min()
    }

    /// Moves rows from `bin` into the batch while there is room and they fit, in the order in which
    /// they entered; returns how many of them had not started.
    fn take(&mut self, view: View, bin: usize, taking: &mut Taking) -> usize {
        let (before, room) = (taking.rows.len(), taking.room.min(self.sizes[bin] as usize));
        let started = if self.parked > 0 || self.rules.limited() {
            self.take_one_by_one(view, bin, room, taking)
        } else {
            self.take_fresh(room.saturating_sub(before).min(view.starts), bin, &mut taking.rows)
        };
        if taking.rows.len() > before {
            taking.room = room;
            self.changed.insert(bin);
        }
        if started > 0 {
            self.update(bin);
        }
        started
    }

    pub(super) fn take_fresh(&mut self, most: usize, bin: usize, rows: &mut Vec<Row>) -> usize {
        let slab = &mut self.slab;
        self.fresh.edit(bin, |queue| {
            let wanted = most.min(queue.len as usize);
            queue.take(slab, wanted, rows);
            wanted
        })
    }

    fn take_one_by_one(
        &mut self,
        view: View,
        bin: usize,
        room: usize,
        taking: &mut Taking,
    ) -> usize {
        let (mut started, full) = (0, self.full(bin));
        let own = view.worker.and_then(|worker| self.own.get_mut(&worker));
        let slab = &mut self.slab;
        let mut sources = [own, Some(&mut self.anyones), Some(&mut self.fresh)];
        while taking.rows.len() < room {
            let shown = if started < view.starts { &sources[..] } else { &sources[..FRESH] };
            let heads = shown.iter().enumerate().map(|(source, bins)| {
                let head = bins.as_ref().map_or(&Head::NONE, |bins| &bins.queues[bin].head);
                (head.place, head.ticket, source)
            });
            let Some((place, _, source)) = heads.min() else { break };
            let Some(bins) = sources[source].as_mut().filter(|_| place != u64::MAX) else { break };
            let load = taking.load.with(&slab.entry(bins.queues[bin].first()).row);
            if !self.rules.fits(&load, bin == taking.bin) {
                break;
            }
            taking.load = load;
            taking.rows.push(bins.edit(bin, |queue| queue.pop(slab)));
            let fresh = source == FRESH;
            self.parked -= usize::from(!fresh);
            started += usize::from(fresh);
        }
        for bins in sources.into_iter().flatten() {
            bins.find_full(slab, bin, full);
        }
        started
    }
}
