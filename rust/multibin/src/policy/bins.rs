//! One queue per bin, and what the rules ask of all of them at once.

use super::bit_set::BitSet;
use super::load::{Full, Load};
use super::min_tree::MinTree;
use super::rules::Rules;
use super::waiting::{BinQueue, Entry, Head, Home, Owner, Slab};
use crate::config::Order;

/// One queue per bin, and how many wait in all of them.
#[derive(Debug)]
pub(super) struct Bins {
    pub(super) owner: Owner,
    pub(super) queues: Vec<BinQueue>,
    /// By bin what waits up to a batch; none without a budget.
    loads: Vec<Filling>,
    pub(super) waiting: usize,
    occupied: BitSet,
    /// By bin which of its entries a change of edges left behind, strict: those with a lesser place.
    /// As long as one of them is the head, the bin counts as full. Empty until edges change.
    left: Vec<u64>,
    /// Bins from here on are entered no more, and count as full as soon as anything waits there.
    live: usize,
}

/// What waits in a bin, until it is a batch.
#[derive(Debug, Clone)]
struct Filling {
    load: Load,
    /// The order of who completed a batch; `u64::MAX` while nobody did.
    formed: u64,
}

impl Filling {
    const EMPTY: Self = Self { load: Load::EMPTY, formed: u64::MAX };

    /// Somebody enters as the `nth`.
    fn add(&mut self, entry: &Entry, nth: u32, full: Full) {
        if self.formed == u64::MAX {
            self.load = self.load.with(&entry.row);
            if nth >= full.rows || !self.load.fits(full.budget) {
                self.formed = entry.order;
            }
        }
    }
}

/// Where entries enter a bin.
pub(super) struct Entrance<'a> {
    queue: &'a mut BinQueue,
    filling: Option<&'a mut Filling>,
    home: Home,
    full: Full,
}

impl Entrance<'_> {
    /// Returns the entry's place in the slab.
    #[expect(clippy::inline_always, reason = "an entry is not copied on its way into the slab")]
    #[inline(always)]
    pub(super) fn push(&mut self, slab: &mut Slab, entry: Entry) -> u32 {
        let at = self.queue.push(slab, self.home, entry);
        if let Some(filling) = &mut self.filling {
            filling.add(slab.entry(at), self.queue.len, self.full);
        }
        at
    }
}

impl Bins {
    pub(super) fn new(owner: Owner, queues: usize, rules: &Rules) -> Self {
        Self {
            owner,
            queues: vec![BinQueue::EMPTY; queues],
            loads: vec![Filling::EMPTY; if rules.budget.is_some() { queues } else { 0 }],
            waiting: 0,
            occupied: BitSet::new(queues),
            left: Vec::new(),
            live: usize::MAX,
        }
    }

    /// The same bins are entered as of these. Nothing waits yet that was left behind.
    pub(super) fn living_as(self, others: &Self) -> Self {
        Self { live: others.live, ..self }
    }

    /// Returns the entry's place in the slab.
    pub(super) fn push(&mut self, slab: &mut Slab, bin: usize, entry: Entry, full: Full) -> u32 {
        let before = self.queues[bin].len;
        let at = self.entrance(bin, full).push(slab, entry);
        self.entered(bin, before);
        at
    }

    /// The way into a bin; [`Bins::entered`] follows.
    #[inline]
    pub(super) fn entrance(&mut self, bin: usize, full: Full) -> Entrance<'_> {
        let home = Home { owner: self.owner, bin };
        Entrance { queue: &mut self.queues[bin], filling: self.loads.get_mut(bin), home, full }
    }

    /// After `before` others waited in a bin; returns how many do now.
    #[inline]
    pub(super) fn entered(&mut self, bin: usize, before: u32) -> u32 {
        let len = self.queues[bin].len;
        self.waiting += (len - before) as usize;
        if before == 0 && len > 0 {
            self.occupied.insert(bin);
        }
        len
    }

    /// Takes entries out of a queue. With a budget [`Bins::find_full`] follows.
    #[inline]
    pub(super) fn edit<T>(&mut self, bin: usize, edit: impl FnOnce(&mut BinQueue) -> T) -> T {
        let queue = &mut self.queues[bin];
        let before = queue.len;
        let edited = edit(queue);
        self.waiting -= (before - queue.len) as usize;
        if queue.len == 0 {
            self.occupied.remove(bin);
            if let Some(left) = self.left.get_mut(bin) {
                *left = 0;
            }
        }
        edited
    }

    /// Finds anew what completes a batch within a budget. O(batch size).
    pub(super) fn find_full(&mut self, slab: &Slab, bin: usize, full: Full) {
        let Some(filling) = self.loads.get_mut(bin) else { return };
        *filling = Filling::EMPTY;
        for (nth, (_, entry)) in (1..=full.rows).zip(self.queues[bin].iter(slab)) {
            filling.add(entry, nth, full);
        }
    }

    /// Edges changed: what waits in a bin that is `altered` is left behind, as far as its place is
    /// before `place`, and bins from `live` on are entered no more. Tells of every such bin.
    pub(super) fn leave_behind(
        &mut self,
        place: u64,
        live: usize,
        altered: impl Fn(usize) -> bool,
        mut tell: impl FnMut(usize),
    ) {
        self.live = live;
        let mut next = self.occupied.at_least(0);
        while let Some(bin) = next {
            if altered(bin) {
                self.left.resize(self.queues.len(), 0);
                self.left[bin] = place;
            }
            tell(bin);
            next = self.occupied.at_least(bin + 1);
        }
    }

    /// Whether what heads a bin was left behind by a change of edges.
    #[inline]
    pub(super) fn is_left(&self, bin: usize) -> bool {
        let left =
            if bin < self.live { self.left.get(bin).copied().unwrap_or(0) } else { u64::MAX };
        self.queues[bin].head.place < left
    }

    /// Whether a change of edges left something behind in a bin, or would any arrival there.
    pub(super) fn may_be_left(&self, bin: usize) -> bool {
        bin >= self.live || self.left.get(bin).is_some_and(|&left| left > 0)
    }

    /// Whether a bin holds a batch, or counts as if it did.
    #[inline]
    pub(super) fn is_full(&self, bin: usize, full: Full) -> bool {
        self.queues[bin].len >= full.rows
            || self.loads.get(bin).is_some_and(|filling| filling.formed != u64::MAX)
            || self.is_left(bin)
    }

    /// The order of who completed the batch that a bin holds.
    #[inline]
    fn formed(&self, slab: &Slab, bin: usize, full: Full) -> u64 {
        if self.is_left(bin) {
            return self.queues[bin].head.place;
        }
        let filling = self.loads.get(bin);
        filling.map_or_else(|| self.queues[bin].order_of(slab, full.rows), |filling| filling.formed)
    }

    /// What decides when `bin` leaves among full ones; `u64::MAX` if it is not.
    #[inline]
    pub(super) fn place(&self, slab: &Slab, bin: usize, rules: &Rules, full: Full) -> u64 {
        if !self.is_full(bin, full) {
            return u64::MAX;
        }
        let formed = if rules.order == Order::Formed { self.formed(slab, bin, full) } else { 0 };
        rules.place(bin, formed, self.queues[bin].head.rank)
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
    pub(super) fn first_entered(&self) -> u64 {
        self.occupied().map(|(_, queue)| queue.head.entered).min().unwrap_or(u64::MAX)
    }

    /// The bins in which somebody waits, with their queues.
    pub(super) fn occupied(&self) -> impl Iterator<Item = (usize, &BinQueue)> {
        let after = |&bin: &usize| self.at_least(bin + 1);
        let bins = std::iter::successors(self.at_least(0), after);
        bins.map(|bin| (bin, &self.queues[bin]))
    }
}

/// The heads of one kind of queues, so that no rule looks at every bin.
#[derive(Debug)]
pub(super) struct Heads {
    /// Ranks.
    pub(super) oldest: MinTree,
    /// When they count as passed over.
    pub(super) due: MinTree,
    /// When they entered; kept while `max_wait` is set.
    pub(super) entered: MinTree,
    /// What decides among full bins.
    pub(super) full: MinTree,
    /// Bins that changed since.
    stale: BitSet,
}

impl Heads {
    pub(super) fn new(queues: usize) -> Self {
        let [oldest, due, entered, full] = std::array::from_fn(|_| MinTree::new(queues));
        Self { oldest, due, entered, full, stale: BitSet::new(queues) }
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

    /// What the head of `bin` is now, and its place among the full bins.
    #[inline]
    pub(super) fn update(&mut self, bin: usize, head: &Head, place: u64, rules: &Rules) {
        self.oldest.set(bin, head.rank);
        self.due.set(bin, head.due);
        if rules.max_wait.is_some() {
            self.entered.set(bin, head.entered);
        }
        self.full.set(bin, place);
    }
}
