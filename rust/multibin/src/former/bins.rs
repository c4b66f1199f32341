//! One queue per bin, and what the rules ask of all of them at once.

use crate::config::Rules;
use crate::least::Least;
use crate::load::Full;
use crate::occupied::Occupied;
use crate::request::Row;
use crate::waiting::{Entry, Queue, Slab};

/// One queue per bin, and how many wait in all of them.
#[derive(Debug)]
pub(super) struct Bins {
    pub(super) queues: Vec<Queue>,
    pub(super) waiting: usize,
    occupied: Occupied,
}

impl Bins {
    pub(super) fn new(queues: usize) -> Self {
        Self { queues: vec![Queue::EMPTY; queues], waiting: 0, occupied: Occupied::new(queues) }
    }

    /// Returns the entry's place in the slab.
    #[inline]
    pub(super) fn push(&mut self, slab: &mut Slab, bin: usize, entry: Entry, full: Full) -> u32 {
        self.waiting += 1;
        let queue = &mut self.queues[bin];
        if queue.len == 0 {
            self.occupied.insert(bin);
        }
        queue.push(slab, entry, full)
    }

    #[inline]
    pub(super) fn pop(&mut self, slab: &mut Slab, bin: usize) -> Row {
        self.edit(bin, |queue| queue.pop(slab))
    }

    /// Takes entries out of a queue.
    #[inline]
    pub(super) fn edit<T>(&mut self, bin: usize, edit: impl FnOnce(&mut Queue) -> T) -> T {
        let queue = &mut self.queues[bin];
        let before = queue.len;
        let edited = edit(queue);
        self.waiting -= (before - queue.len) as usize;
        if queue.len == 0 {
            self.occupied.remove(bin);
        }
        edited
    }

    /// The lowest bin from `from` on in which somebody waits.
    #[inline]
    pub(super) fn at_least(&self, from: usize) -> Option<usize> {
        self.occupied.at_least(from)
    }

    /// The highest bin up to `to` in which somebody waits.
    #[inline]
    pub(super) fn at_most(&self, to: usize) -> Option<usize> {
        self.occupied.at_most(to)
    }

    /// When the first of the heads entered; `u64::MAX` if nobody waits.
    pub(super) fn entered(&self) -> u64 {
        self.occupied().map(|(_, queue)| queue.head.entered).min().unwrap_or(u64::MAX)
    }

    /// The bins in which somebody waits, with their queues.
    pub(super) fn occupied(&self) -> impl Iterator<Item = (usize, &Queue)> {
        let after = |&bin: &usize| self.at_least(bin + 1);
        let bins = std::iter::successors(self.at_least(0), after);
        bins.map(|bin| (bin, &self.queues[bin]))
    }
}

/// The heads of one kind of queues, so that no rule looks at every bin.
#[derive(Debug)]
pub(super) struct Heads {
    /// Ranks.
    pub(super) oldest: Least,
    /// When they count as passed over.
    pub(super) due: Least,
    /// When they entered; kept while `max_wait` is set.
    pub(super) entered: Least,
    /// What decides among full bins.
    pub(super) full: Least,
    /// Bins that changed since.
    stale: Occupied,
}

impl Heads {
    pub(super) fn new(queues: usize) -> Self {
        let [oldest, due, entered, full] = std::array::from_fn(|_| Least::new(queues));
        Self { oldest, due, entered, full, stale: Occupied::new(queues) }
    }

    /// The queue of `bin` changed: `update` is to follow.
    #[inline]
    pub(super) fn invalidate(&mut self, bin: usize) {
        self.stale.insert(bin);
    }

    /// A bin that changed, once.
    #[inline]
    pub(super) fn next_stale(&mut self) -> Option<usize> {
        let bin = self.stale.at_least(0)?;
        self.stale.remove(bin);
        Some(bin)
    }

    /// What the queue of `bin` is now.
    #[inline]
    pub(super) fn update(&mut self, bin: usize, queue: &Queue, rules: &Rules, full: Full) {
        self.oldest.set(bin, queue.head.rank);
        self.due.set(bin, queue.head.due);
        if rules.max_wait.is_some() {
            self.entered.set(bin, queue.head.entered);
        }
        let full = queue.is_full(full);
        let place = || rules.place(bin, queue.formed, queue.head.rank);
        self.full.set(bin, if full { place() } else { u64::MAX });
    }
}
