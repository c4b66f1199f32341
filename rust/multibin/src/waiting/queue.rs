//! The queue of one bin: first in, first out, or a heap where ranks decide.

use super::{Entry, GONE, Head, Home, NIL, Owner, Slab};
use crate::request::{Row, Ticket};

/// Entries in blocks of the slab, from the first to the last with holes where some left from the
/// middle; or a heap. A cache line.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(crate) struct Queue {
    pub(crate) head: Head,
    /// When the last that entered counts as passed over.
    last_due: u64,
    /// The place of the head, in a heap the root.
    first: u32,
    /// The place that was filled last; kept when the queue is empty, so that its block is used again.
    /// Unused in a heap, like the holes.
    last: u32,
    pub(crate) len: u32,
    holes: u32,
}

impl Queue {
    pub(crate) const EMPTY: Self =
        Self { head: Head::NONE, last_due: 0, first: NIL, last: NIL, len: 0, holes: 0 };

    /// The place of the head in the slab.
    pub(crate) fn first(&self) -> u32 {
        self.first
    }

    /// Enters; returns its place in the slab. First in first out, nobody is due before those who came
    /// earlier, so that whoever is passed over leads or has a head that is, too. Written once, without
    /// a copy on the way.
    #[expect(clippy::inline_always, reason = "an entry is not copied on its way into the slab")]
    #[inline(always)]
    pub(crate) fn push(&mut self, slab: &mut Slab, home: Home, entry: Entry) -> u32 {
        let (heap, empty) = (slab.is_heap(), self.len == 0);
        let at = match self.last {
            NIL => slab.first_place(home),
            last if empty => slab.start(last),
            last => slab.extend(last),
        };
        let due = if heap || empty { entry.due } else { entry.due.max(self.last_due) };
        slab.entries[at as usize] = Entry { due, ..entry };
        self.len += 1;
        if heap {
            let root = slab.grown(self.first, at);
            self.set_head(slab, root);
            return at;
        }
        (self.last, self.last_due) = (at, due);
        if empty {
            self.set_head(slab, at);
        }
        at
    }

    #[inline]
    fn set_head(&mut self, slab: &Slab, at: u32) {
        self.first = at;
        self.head = Head::of(slab.entry(at), slab.rank());
    }

    /// Takes the head. The queue must not be empty.
    #[inline]
    pub(crate) fn pop(&mut self, slab: &mut Slab) -> Row {
        let row = self.leave(slab);
        self.lead(slab);
        row
    }

    /// Takes the first `count`, of which there are so many.
    #[inline]
    pub(crate) fn take(&mut self, slab: &mut Slab, count: usize, rows: &mut Vec<Row>) {
        if count == 0 {
            return;
        }
        if self.holes > 0 || slab.is_heap() {
            rows.extend((0..count).map(|_| self.leave(slab)));
        } else {
            self.take_runs(slab, count as u32, rows);
        }
        self.lead(slab);
    }

    /// As many as there are in a row in each block.
    #[inline]
    fn take_runs(&mut self, slab: &mut Slab, mut count: u32, rows: &mut Vec<Row>) {
        self.len -= count;
        while count > 0 {
            let run = count.min(slab.rest(self.first) + 1);
            rows.extend(slab.take_run(self.first, run));
            self.first += run - 1;
            count -= run;
            if count > 0 || self.len > 0 {
                self.first = slab.leave_place(self.first);
            }
        }
    }

    /// The first one leaves, and nobody is the head yet.
    #[inline]
    fn leave(&mut self, slab: &mut Slab) -> Row {
        let at = self.first;
        let row = slab.take(at);
        self.len -= 1;
        if slab.is_heap() {
            self.first = slab.without_root(at);
            slab.free(at);
        } else if self.len > 0 {
            self.advance(slab);
        }
        row
    }

    /// From the first place, where nobody waits any more, to the next one where somebody does.
    #[inline]
    fn advance(&mut self, slab: &mut Slab) {
        loop {
            let at = self.first;
            self.first = slab.leave_place(at);
            if slab.waits(self.first) {
                return;
            }
            self.holes -= 1;
        }
    }

    /// The first one becomes the head, if somebody waits.
    #[inline]
    fn lead(&mut self, slab: &mut Slab) {
        if self.len > 0 {
            self.set_head(slab, self.first);
        } else {
            self.head = Head::NONE;
            self.keep_last_block(slab);
        }
    }

    /// Frees the other blocks of an empty queue; of climbers, who may have many queues, this one too.
    #[inline]
    fn keep_last_block(&mut self, slab: &mut Slab) {
        if self.last == NIL {
            return;
        }
        self.holes = 0;
        while !slab.same_block(self.first, self.last) {
            self.first = slab.free(self.first);
        }
        if slab.home(self.last).owner != Owner::Fresh {
            self.give_back(slab);
        }
    }

    /// An empty queue that is given up.
    pub(crate) fn give_back(&mut self, slab: &mut Slab) {
        if self.last != NIL {
            slab.free(self.last);
        }
        *self = Self::EMPTY;
    }

    /// Removes the entry at `at`, which must be in this queue. O(entries of a block), in a heap O(log
    /// of its length).
    pub(crate) fn unlink(&mut self, slab: &mut Slab, at: u32) -> Row {
        if at == self.first {
            return self.pop(slab);
        }
        self.len -= 1;
        let row = slab.take(at);
        if slab.is_heap() {
            let root = slab.without(self.first, at);
            self.set_head(slab, root);
            slab.free(at);
            return row;
        }
        self.holes += 1;
        if !slab.same_block(at, self.first) && !slab.same_block(at, self.last) {
            self.holes -= slab.free_if_empty(at);
        }
        row
    }

    /// Whether holes are most of what lies between first and last.
    pub(crate) fn is_sparse(&self, slab: &Slab) -> bool {
        self.holes > self.len.max(slab.rest(0))
    }

    /// Closes the holes of a queue that is first in, first out; tells of everybody who moves: from
    /// where, to where. O(length + holes).
    pub(crate) fn compact(&mut self, slab: &mut Slab, mut moved: impl FnMut(Ticket, u32, u32)) {
        let (mut from, mut to) = (self.first, slab.start(self.first));
        self.first = to;
        for left in (0..self.len).rev() {
            while !slab.waits(from) {
                from = slab.after(from);
            }
            let entry = slab.entries[from as usize];
            slab.entries[from as usize].order = GONE;
            slab.entries[to as usize] = entry;
            moved(entry.row.ticket, from, to);
            if left > 0 {
                (from, to) = (slab.after(from), slab.after(to));
            }
        }
        self.cut_after(slab, to);
        self.holes = 0;
    }

    /// Frees the blocks after that of `at`, which becomes the last place.
    fn cut_after(&mut self, slab: &mut Slab, at: u32) {
        if !slab.same_block(at, self.last) {
            let mut next = slab.next_start(at);
            while !slab.same_block(next, self.last) {
                next = slab.free(next);
            }
            slab.free(next);
        }
        self.last = at;
    }

    /// The order of the `nth` entry from the first on, which is 1; there are so many.
    #[inline]
    pub(crate) fn order_of(&self, slab: &Slab, nth: u32) -> u64 {
        if self.holes > 0 {
            let entry = self.iter(slab).nth(nth as usize - 1);
            return entry.map_or(GONE, |(_, entry)| entry.order);
        }
        let (mut at, mut ahead) = (self.first, nth - 1);
        while ahead > slab.rest(at) {
            ahead -= slab.rest(at) + 1;
            at = slab.next_start(at);
        }
        slab.entry(at + ahead).order
    }

    /// Every entry with its place in the slab: first to last, in a heap in any order.
    pub(crate) fn iter<'a>(
        &self,
        slab: &'a Slab,
    ) -> impl Iterator<Item = (u32, &'a Entry)> + use<'a> {
        let (mut next, mut left) = (self.first, self.len);
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let at = next;
            if left > 0 {
                next = slab.waiting_after(at);
            }
            Some((at, slab.entry(at)))
        })
    }

    /// The holes that were counted, and those that there are.
    #[cfg(all(test, not(loom)))]
    pub(super) fn holes(&self, slab: &Slab) -> (u32, u32) {
        if self.len == 0 || slab.is_heap() {
            return (self.holes, 0);
        }
        let next = |&at: &u32| (at != self.last).then(|| slab.after(at));
        let places = std::iter::successors(Some(self.first), next);
        (self.holes, places.filter(|&at| !slab.waits(at)).count() as u32)
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self, slab: &mut Slab) {
        while self.len > 0 {
            self.leave(slab);
        }
        self.lead(slab);
    }

    /// Removes the entries that are not `kept`; the others stay where they are.
    pub(crate) fn retain(&mut self, slab: &mut Slab, kept: impl Fn(&Entry) -> bool) {
        let refused = |(at, entry): (u32, &Entry)| (!kept(entry)).then_some(at);
        if slab.is_heap() {
            let refused: Vec<u32> = self.iter(slab).filter_map(refused).collect();
            for at in refused {
                self.unlink(slab, at);
            }
            return;
        }
        let (mut at, waiting) = (self.first, self.len);
        for left in (0..waiting).rev() {
            if !kept(slab.entry(at)) {
                slab.take(at);
                self.len -= 1;
                self.holes += 1;
            }
            if left > 0 {
                at = slab.waiting_after(at);
            }
        }
        if self.len > 0 && !slab.waits(self.first) {
            self.holes -= 1;
            self.advance(slab);
        }
        self.lead(slab);
    }
}

impl Slab {
    /// The place of who waits next after `at`; in a heap in the order of a walk.
    fn waiting_after(&self, mut at: u32) -> u32 {
        if self.is_heap() {
            return self.following(at);
        }
        loop {
            at = self.after(at);
            if self.waits(at) {
                return at;
            }
        }
    }
}
