//! Taking the rows of a batch out of their queues.

use super::{FRESH, Formed, Former, View};
use crate::config::Fill;
use crate::request::{Reason, Row};
use crate::waiting::Head;

impl Former {
    /// Up to a batch from `bin`; elastic goes on with the nearest bins, the lower one first. The
    /// leader may come from a wider view than those who follow.
    pub(super) fn gather(
        &mut self,
        leader: View,
        view: View,
        bin: usize,
        reason: Reason,
    ) -> Formed {
        let batch_size = self.rules.batch_size as usize;
        let mut rows = Vec::with_capacity(self.available(leader).min(batch_size));
        let led = self.take(leader, bin, 1, &mut rows);
        let mut view = View { starts: view.starts.saturating_sub(led), ..view };
        // The leader may be more than the view shows.
        let room = (1 + self.available(view)).min(batch_size);
        view.starts -= self.take(view, bin, room, &mut rows);
        if self.rules.fill == Fill::Elastic {
            self.top_up(view, bin, room, &mut rows);
        }
        let limit = self.limit(bin, &rows);
        Formed::new(rows, limit, bin, reason)
    }

    /// From the bins nearest to `bin`, the lower one of two first.
    fn top_up(&mut self, mut view: View, bin: usize, room: usize, rows: &mut Vec<Row>) {
        let below = |former: &Self, view, at: usize| former.at_most(view, at.checked_sub(1)?);
        let mut low = below(self, view, bin);
        let mut high = self.at_least(view, bin + 1);
        while rows.len() < room {
            let next = match (low, high) {
                (Some(low), Some(high)) if high - bin < bin - low => high,
                (Some(low), _) => low,
                (None, Some(high)) => high,
                (None, None) => return,
            };
            view.starts -= self.take(view, next, room, rows);
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

    /// Moves rows from `bin` to `rows` until there are `room`, in the order in which they entered;
    /// returns how many of them had not started.
    fn take(&mut self, view: View, bin: usize, room: usize, rows: &mut Vec<Row>) -> usize {
        let room = room.saturating_sub(rows.len());
        let started = if self.parked > 0 {
            self.take_merged(view, bin, room, rows)
        } else {
            self.take_fresh(room.min(view.starts), bin, rows)
        };
        if started > 0 {
            self.update(bin);
        }
        started
    }

    fn take_fresh(&mut self, most: usize, bin: usize, rows: &mut Vec<Row>) -> usize {
        let slab = &mut self.slab;
        self.fresh.edit(bin, |queue| {
            let wanted = most.min(queue.len as usize);
            rows.extend((0..wanted).map(|_| queue.pop(slab)));
            wanted
        })
    }

    fn take_merged(&mut self, view: View, bin: usize, room: usize, rows: &mut Vec<Row>) -> usize {
        let (mut started, end) = (0, rows.len() + room);
        let own = self.own.get_mut(&view.worker);
        let mut sources = [own, Some(&mut self.anyones), Some(&mut self.fresh)];
        while rows.len() < end {
            let shown =
                if started < view.starts { &sources[..] } else { &sources[..usize::from(FRESH)] };
            let heads = shown.iter().map(|bins| {
                let head = bins.as_ref().map_or(&Head::NONE, |bins| &bins.queues[bin].head);
                (head.place, head.ticket)
            });
            let Some((source, _)) = heads.enumerate().min_by_key(|&(_, place)| place) else {
                break;
            };
            let Some(bins) = &mut sources[source] else { break };
            let Some(row) = bins.pop(&mut self.slab, bin) else { break };
            let fresh = source == usize::from(FRESH);
            self.parked -= usize::from(!fresh);
            started += usize::from(fresh);
            rows.push(row);
        }
        started
    }
}
