//! Entries near the head that leave while others between them stay.

use super::super::entry::Entry;
use super::super::slab::Slab;
use super::BinQueue;
use super::read::waiting_after;

/// One of the first entries of a queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Picked {
    /// Its position in the slab.
    pub(crate) position: u32,
    /// Its place by length in a window.
    pub(crate) place: u32,
    /// True if it leaves.
    pub(crate) leaves: bool,
}

impl BinQueue {
    /// Shows the first `count` entries in order, or all if there are fewer, with their positions.
    #[inline]
    pub(crate) fn look<'a>(
        &self,
        slab: &'a Slab,
        count: usize,
        mut see: impl FnMut(u32, &'a Entry),
    ) {
        if slab.is_heap() {
            let positions =
                if self.len == 0 { Vec::new() } else { self.first_of_heap(slab, count) };
            for at in positions {
                see(at, slab.entry(at));
            }
        } else {
            self.iter(slab).take(count).for_each(|(at, entry)| see(at, entry));
        }
    }

    #[inline(never)]
    fn first_of_heap(&self, slab: &Slab, count: usize) -> Vec<u32> {
        slab.heap(self.last).first_positions(count)
    }

    /// Takes those of the first entries that leave. `first` are the first entries in order, as many
    /// as there are or fewer. O(`first` + the tombstones between them), in a heap O(log n) for
    /// each.
    ///
    /// An entry that leaves from behind one that stays passes its bypass bound on to the next one
    /// that stays. Those that stay end up as the last of `first`, in order, at their new positions.
    pub(crate) fn take_picked(&mut self, slab: &mut Slab, first: &mut [Picked]) {
        let Some(last) = first.iter().rposition(|entry| entry.leaves) else { return };
        let first = &mut first[..=last];
        if slab.is_heap() {
            self.unlink_picked(slab, first);
            return;
        }
        if last + 1 < self.len as usize || !first.iter().all(|entry| entry.leaves) {
            self.pass_bounds_on(slab, first);
        }
        let leaving = close_up(slab, first);
        self.len -= leaving;
        if self.len > 0 {
            self.skip_vacant(slab, leaving);
        }
        self.find_head(slab);
    }

    /// Removes those that leave from a heap.
    fn unlink_picked(&mut self, slab: &mut Slab, first: &mut [Picked]) {
        let mut to = first.len();
        for at in (0..first.len()).rev() {
            if first[at].leaves {
                self.unlink(slab, first[at].position);
            } else {
                to -= 1;
                first[to] = first[at];
            }
        }
    }

    /// Passes the bypass bounds of the entries that leave on: to the queue, or to the next entry
    /// that stays.
    fn pass_bounds_on(&mut self, slab: &mut Slab, first: &[Picked]) {
        let (mut stay, mut passed_on) = (0, 0);
        for &Picked { position, leaves, .. } in first {
            let bound = &mut slab.entries[position as usize].bypass_bound;
            if !leaves {
                stay += 1;
                *bound = (*bound).max(std::mem::take(&mut passed_on));
            } else if stay == 0 {
                self.bound_floor = self.bound_floor.max(*bound);
            } else {
                passed_on = passed_on.max(*bound);
            }
        }
        if passed_on > 0 && self.len as usize > first.len() {
            let next = waiting_after(slab, first[first.len() - 1].position);
            let bound = &mut slab.entries[next as usize].bypass_bound;
            *bound = (*bound).max(passed_on);
        }
    }

    /// Advances from the first position, which is vacant, to the next one at which an entry waits.
    /// `left` of the positions between were no tombstones before.
    fn skip_vacant(&mut self, slab: &mut Slab, left: u32) {
        let mut vacant = 0;
        while !slab.waits(self.first) {
            self.first = slab.blocks.leave(self.first);
            vacant += 1;
        }
        self.tombstones -= vacant - left;
    }
}

/// Takes out those entries that leave, and moves the others together behind them, in order. The
/// last one leaves. Returns how many leave.
fn close_up(slab: &mut Slab, first: &mut [Picked]) -> u32 {
    let mut to = first.len();
    for at in (0..first.len()).rev() {
        let Picked { position, leaves, .. } = first[at];
        if leaves {
            slab.take(position);
            continue;
        }
        to -= 1;
        slab.relocate(position, first[to].position);
        first[to] = Picked { position: first[to].position, ..first[at] };
    }
    to as u32
}
