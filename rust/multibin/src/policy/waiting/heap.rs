//! 4-ary heaps of positions in the slab, lowest rank first, in which a position finds its item.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::entry::NIL;
use super::touched::Touched;
use crate::request::Ticket;

/// Items of a block. A heap grows and shrinks by blocks, so that no item is copied for that.
const ITEMS: usize = 128;
const CHILDREN: usize = 4;
/// The index of the root: the children of index i are then the four from 4·i − 8 on, neighbours in
/// one block.
const ROOT: usize = 3;

/// A position, ordered by its rank, then its ticket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) rank: u64,
    pub(super) ticket: Ticket,
    pub(super) position: u32,
}

impl Item {
    const NONE: Self = Self { rank: u64::MAX, ticket: u64::MAX, position: NIL };

    #[inline]
    fn precedes(&self, other: &Self) -> bool {
        (self.rank, self.ticket) < (other.rank, other.ticket)
    }
}

/// Every operation takes O(log n), without amortisation. `indices` holds, by position, the index of
/// the position's item in its heap.
#[derive(Debug)]
pub(super) struct Heap {
    #[expect(clippy::vec_box, reason = "a heap that grows copies no items")]
    blocks: Vec<Box<[Item; ITEMS]>>,
    /// The index after the last item.
    end: usize,
}

impl Default for Heap {
    fn default() -> Self {
        Self { blocks: Vec::new(), end: ROOT }
    }
}

impl Heap {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.end == ROOT
    }

    /// Returns the lowest item.
    #[inline]
    pub(super) fn first(&self) -> Option<&Item> {
        (!self.is_empty()).then(|| self.item(ROOT))
    }

    /// Returns the position of the `nth` item in the order of their indices.
    #[inline]
    pub(super) fn position(&self, nth: u32) -> u32 {
        self.item(ROOT + nth as usize).position
    }

    /// Returns the positions of the first `count` items in their order, or of all if there are
    /// fewer. O(count · log of it).
    pub(super) fn first_positions(&self, count: usize) -> Vec<u32> {
        let key = |index: usize| Reverse((self.item(index).rank, self.item(index).ticket, index));
        let mut next = BinaryHeap::from_iter((!self.is_empty()).then(|| key(ROOT)));
        let mut positions = Vec::with_capacity(count.min(self.end - ROOT));
        while positions.len() < count
            && let Some(Reverse((.., index))) = next.pop()
        {
            positions.push(self.item(index).position);
            next.extend(children(index).filter(|&child| child < self.end).map(key));
        }
        positions
    }

    #[inline]
    fn item(&self, index: usize) -> &Item {
        &self.blocks[index / ITEMS][index % ITEMS]
    }

    #[inline]
    fn set(&mut self, index: usize, item: Item, indices: &mut [u32]) {
        self.blocks[index / ITEMS][index % ITEMS] = item;
        indices[item.position as usize] = index as u32;
    }

    #[inline(never)]
    pub(super) fn push(&mut self, item: Item, indices: &mut [u32], touched: &Touched) {
        if self.end / ITEMS == self.blocks.len() {
            self.blocks.push(Box::new([Item::NONE; ITEMS]));
        }
        self.end += 1;
        self.rise(self.end - 1, item, indices, touched);
    }

    /// Takes out the item of `position`.
    #[inline(never)]
    pub(super) fn remove(&mut self, position: u32, indices: &mut [u32], touched: &Touched) {
        let index = std::mem::replace(&mut indices[position as usize], NIL) as usize;
        self.end -= 1;
        let last = *self.item(self.end);
        // Half a block later than possible, so that a heap at a block's border does not allocate
        // and free by turns.
        self.blocks.truncate((self.end + ITEMS / 2).div_ceil(ITEMS));
        if index == self.end {
            return;
        }
        if index > ROOT && last.precedes(self.item(parent(index))) {
            self.rise(index, last, indices, touched);
        } else {
            self.sink(index, last, indices, touched);
        }
    }

    /// Records that the entry at the position `from` moved to the position `to`.
    pub(super) fn relocate(&mut self, from: u32, to: u32, indices: &mut [u32]) {
        let index = std::mem::replace(&mut indices[from as usize], NIL) as usize;
        let item = Item { position: to, ..*self.item(index) };
        self.set(index, item, indices);
    }

    #[inline]
    fn rise(&mut self, mut index: usize, item: Item, indices: &mut [u32], touched: &Touched) {
        while index > ROOT {
            let above = *self.item(parent(index));
            touched.add(1);
            if !item.precedes(&above) {
                break;
            }
            self.set(index, above, indices);
            index = parent(index);
        }
        self.set(index, item, indices);
    }

    #[inline]
    fn sink(&mut self, mut index: usize, item: Item, indices: &mut [u32], touched: &Touched) {
        loop {
            let first = CHILDREN * index - 8;
            if first >= self.end {
                break;
            }
            let count = CHILDREN.min(self.end - first);
            let children = &self.blocks[first / ITEMS][first % ITEMS..][..count];
            touched.add(count as u64);
            let mut min = 0;
            for child in 1..count {
                min = if children[child].precedes(&children[min]) { child } else { min };
            }
            let child = children[min];
            if !child.precedes(&item) {
                break;
            }
            self.set(index, child, indices);
            index = first + min;
        }
        self.set(index, item, indices);
    }
}

/// Returns the indices of the children of an index, also where no items are.
fn children(index: usize) -> Range<usize> {
    let first = CHILDREN * index - 8;
    first..first + CHILDREN
}

#[inline]
fn parent(index: usize) -> usize {
    index / CHILDREN + 2
}
