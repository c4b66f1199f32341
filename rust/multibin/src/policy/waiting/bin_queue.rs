//! The queue of one bin: first in, first out, or a heap where ranks decide.

mod tombstones;

use super::entry::{Entry, GONE, Head, NIL};
use super::slab::{Home, Owner, Slab};
use crate::request::{Row, Ticket};

/// Entries in blocks of the slab, from the first to the last with holes where some left from the
/// middle; or a heap. A cache line.
///
/// First in, first out, no entry is due before those that were served before it from the head of its
/// queue since that was empty, nor before those that wait ahead of it, so that an entry that is passed
/// over leads or has a head that is, too. What was cancelled leaves no trace.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(crate) struct BinQueue {
    pub(crate) head: Head,
    /// When the last was due of those that were served from here since the queue was empty; 0 in a
    /// heap.
    floor: u64,
    /// The place of the head.
    first: u32,
    /// The place that was filled last; kept when the queue is empty, so that its block is used again.
    /// Of a heap its number.
    last: u32,
    pub(crate) len: u32,
    /// Unused in a heap.
    holes: u32,
}

impl BinQueue {
    pub(crate) const EMPTY: Self =
        Self { head: Head::NONE, floor: 0, first: NIL, last: NIL, len: 0, holes: 0 };

    /// The place of the head in the slab.
    pub(crate) fn first(&self) -> u32 {
        self.first
    }

    /// Enters; returns its place in the slab. Written once, without a copy on the way.
    #[expect(clippy::inline_always, reason = "an entry is not copied on its way into the slab")]
    #[inline(always)]
    pub(crate) fn push(&mut self, slab: &mut Slab, home: Home, entry: Entry) -> u32 {
        if slab.is_heap() {
            let at = slab.first_place(home);
            slab.entries[at as usize] = entry;
            self.rank(slab, at);
            return at;
        }
        let empty = self.len == 0;
        let at = match self.last {
            NIL => slab.first_place(home),
            last if empty => slab.start(last),
            last => slab.extend(last),
        };
        slab.entries[at as usize] = entry;
        self.len += 1;
        self.last = at;
        if empty {
            self.set_head(slab, at);
        }
        at
    }

    /// The entry at `at` enters the heap.
    #[inline(never)]
    fn rank(&mut self, slab: &mut Slab, at: u32) {
        if self.last == NIL {
            self.last = slab.new_heap();
        }
        slab.enter_heap(self.last, at);
        self.len += 1;
        self.lead(slab);
    }

    #[inline]
    fn set_head(&mut self, slab: &Slab, at: u32) {
        let entry = slab.entry(at);
        self.first = at;
        self.head = Head::of(entry, self.floor.max(entry.due), slab.rank());
    }

    /// Serves the head. The queue must not be empty.
    #[inline]
    pub(crate) fn pop(&mut self, slab: &mut Slab) -> Row {
        let row = self.serve(slab);
        self.lead(slab);
        row
    }

    /// Serves the first `count`, of which there are so many.
    #[inline]
    pub(crate) fn take(&mut self, slab: &mut Slab, count: usize, rows: &mut Vec<Row>) {
        if count == 0 {
            return;
        }
        if self.holes > 0 || slab.is_heap() {
            rows.extend((0..count).map(|_| self.serve(slab)));
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
            rows.extend(slab.take_run(self.first, run, &mut self.floor));
            self.first += run - 1;
            count -= run;
            if count > 0 || self.len > 0 {
                self.first = slab.leave_place(self.first);
            }
        }
    }

    /// The head is served, and the next one is not the head yet.
    #[inline]
    fn serve(&mut self, slab: &mut Slab) -> Row {
        if !slab.is_heap() {
            self.floor = self.floor.max(slab.entry(self.first).due);
        }
        self.leave(slab)
    }

    /// The head leaves, and the next one is not the head yet.
    #[inline]
    fn leave(&mut self, slab: &mut Slab) -> Row {
        let at = self.first;
        let row = slab.take(at);
        self.len -= 1;
        if slab.is_heap() {
            slab.leave_heap(self.last, at);
            slab.free(at);
            self.first = slab.heap(self.last).first().map_or(NIL, |item| item.at);
        } else if self.len > 0 {
            self.advance(slab);
        }
        row
    }

    /// From the first place, where nothing waits any more, to the next one where something does.
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

    /// The first one becomes the head, if there is one.
    #[inline]
    fn lead(&mut self, slab: &mut Slab) {
        if self.len == 0 {
            self.head = Head::NONE;
            self.floor = 0;
            self.keep_little(slab);
        } else if slab.is_heap() {
            self.set_head(slab, slab.heap(self.last).place(0));
        } else {
            self.set_head(slab, self.first);
        }
    }

    /// Frees the other blocks of an empty queue; of climbers, which may have many queues, this one too.
    #[inline]
    fn keep_little(&mut self, slab: &mut Slab) {
        if self.last == NIL || slab.is_heap() {
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
        match self.last {
            NIL => {}
            heap if slab.is_heap() => slab.free_heap(heap),
            last => {
                slab.free(last);
            }
        }
        *self = Self::EMPTY;
    }

    /// Removes the entry at `at`, which must be in this queue, unserved; tells of every entry that
    /// moves: its ticket, from where, to where. O(entries of a block), in a heap O(log of its length).
    pub(crate) fn unlink(
        &mut self,
        slab: &mut Slab,
        at: u32,
        moved: impl FnMut(Ticket, u32, u32),
    ) -> Row {
        if at == self.first {
            let row = self.leave(slab);
            self.lead(slab);
            return row;
        }
        self.len -= 1;
        let row = slab.take(at);
        if slab.is_heap() {
            slab.leave_heap(self.last, at);
            slab.free(at);
        } else {
            self.holes += 1;
            self.close(slab, at, moved);
        }
        row
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
        let (heap, first, len) = (slab.is_heap().then_some(self.last), self.first, self.len);
        let mut last = NIL;
        (0..len).map(move |nth| {
            last = match heap {
                Some(heap) => slab.heap(heap).place(nth),
                None if nth == 0 => first,
                None => slab.waiting_after(last),
            };
            (last, slab.entry(last))
        })
    }

    /// Every entry as in [`BinQueue::iter`], and when it is due.
    pub(crate) fn dues<'a>(
        &self,
        slab: &'a Slab,
    ) -> impl Iterator<Item = (u32, &'a Entry, u64)> + use<'a> {
        let (fifo, mut due) = (!slab.is_heap(), self.floor);
        self.iter(slab).map(move |(at, entry)| {
            due = if fifo { due.max(entry.due) } else { entry.due };
            (at, entry, due)
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

    /// How many blocks there are from the first to the last.
    #[cfg(all(test, not(loom)))]
    pub(super) fn blocks(&self, slab: &Slab) -> usize {
        let next = |&at: &u32| (!slab.same_block(at, self.last)).then(|| slab.next_start(at));
        std::iter::successors(Some(self.first), next).count()
    }

    /// Serves everything.
    pub(crate) fn clear(&mut self, slab: &mut Slab) {
        while self.len > 0 {
            self.leave(slab);
        }
        self.lead(slab);
    }

    /// Serves the entries that are not `kept`, as it says of each and when it is due. The others stay
    /// where they are. O(length + holes).
    pub(crate) fn retain(&mut self, slab: &mut Slab, kept: impl Fn(&Entry, u64) -> bool) {
        let served: Vec<u32> = self
            .dues(slab)
            .filter_map(|(at, entry, due)| (!kept(entry, due)).then_some(at))
            .collect();
        if slab.is_heap() {
            for at in served {
                self.unlink(slab, at, |_, _, _| ());
            }
        } else {
            self.serve_all(slab, &served);
        }
    }

    /// Serves the entries at these places, in order, of a queue that is first in, first out. An entry
    /// ahead of which another one stays hands its due on to the next one that stays behind it.
    fn serve_all(&mut self, slab: &mut Slab, served: &[u32]) {
        let mut served = served.iter().copied().peekable();
        while self.len > 0 && served.next_if_eq(&self.first).is_some() {
            self.serve(slab);
        }
        let (mut at, mut handed_on) = (self.first, 0);
        while served.peek().is_some() || handed_on > 0 {
            if served.next_if_eq(&at).is_some() {
                handed_on = slab.entry(at).due.max(handed_on);
                slab.take(at);
                self.len -= 1;
                self.holes += 1;
            } else if slab.waits(at) {
                let due = &mut slab.entries[at as usize].due;
                *due = (*due).max(std::mem::take(&mut handed_on));
            }
            if at == self.last {
                break;
            }
            at = slab.after(at);
        }
        self.lead(slab);
    }
}

impl Slab {
    /// The place of the entry that waits next after `at`, first in, first out.
    fn waiting_after(&self, mut at: u32) -> u32 {
        loop {
            at = self.after(at);
            if self.waits(at) {
                return at;
            }
        }
    }
}
