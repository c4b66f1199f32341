//! The positions of the slab in blocks, which queues chain up and give back.

use super::entry::NIL;
use super::home::Home;

/// Neighbouring positions of one queue.
#[derive(Debug)]
struct Block {
    home: Home,
    /// The queue's next block, or the next free one.
    next: u32,
    /// The queue's block before, unless this is its first.
    prev: u32,
}

/// The blocks of all queues, each a list, and the list of free blocks.
#[derive(Debug)]
pub(super) struct Blocks {
    all: Vec<Block>,
    /// Head of the list of free blocks.
    free: u32,
    /// The positions of a block, a power of two, less one.
    mask: u32,
}

impl Blocks {
    /// Makes no blocks yet; each will have `size` positions, a power of two.
    pub(super) fn new(size: u32) -> Self {
        Self { all: Vec::new(), free: NIL, mask: size - 1 }
    }

    pub(super) fn reserve(
        &mut self,
        blocks: usize,
    ) -> Result<(), std::collections::TryReserveError> {
        self.all.try_reserve_exact(blocks)
    }

    /// Returns how many positions a block has.
    #[inline]
    pub(super) fn size(&self) -> u32 {
        self.mask + 1
    }

    /// Gives a free block to a queue; returns its first position, if there is a free one.
    #[inline]
    pub(super) fn reuse(&mut self, home: Home) -> Option<u32> {
        let block = self.free;
        if block == NIL {
            return None;
        }
        let new = Block { home, next: NIL, prev: NIL };
        self.free = std::mem::replace(&mut self.all[block as usize], new).next;
        Some(block * self.size())
    }

    /// Adds a block behind all others, for a queue.
    pub(super) fn add(&mut self, home: Home) {
        self.all.push(Block { home, next: NIL, prev: NIL });
    }

    /// Makes the block of `next` the one that follows the block of `at`.
    pub(super) fn link(&mut self, at: u32, next: u32) {
        let (block, next) = (self.block(at), self.block(next));
        self.all[block as usize].next = next;
        self.all[next as usize].prev = block;
    }

    #[inline]
    fn block(&self, at: u32) -> u32 {
        at / self.size()
    }

    /// Returns the queue of the block that `at` is in.
    pub(super) fn home(&self, at: u32) -> Home {
        self.all[self.block(at) as usize].home
    }

    pub(super) fn is_same(&self, one: u32, other: u32) -> bool {
        self.block(one) == self.block(other)
    }

    /// Returns the first position of the block that `at` is in.
    pub(super) fn start(&self, at: u32) -> u32 {
        at & !self.mask
    }

    /// Returns how many positions of its block follow `at`.
    pub(super) fn rest(&self, at: u32) -> u32 {
        !at & self.mask
    }

    /// Returns the first position of the block after that of `at`, which is not its queue's last.
    pub(super) fn next_start(&self, at: u32) -> u32 {
        self.all[self.block(at) as usize].next * self.size()
    }

    /// Returns the first position of the block before that of `at`, which is not its queue's first.
    pub(super) fn prev_start(&self, at: u32) -> u32 {
        self.all[self.block(at) as usize].prev * self.size()
    }

    /// Returns the position after `at`, which is not the queue's last.
    #[inline]
    pub(super) fn after(&self, at: u32) -> u32 {
        if self.rest(at) == 0 { self.next_start(at) } else { at + 1 }
    }

    /// Returns the position after `at`, its queue's first one and not the last, where nothing waits
    /// any more. Frees the block of `at` if that was its last position.
    #[inline]
    pub(super) fn leave(&mut self, at: u32) -> u32 {
        if self.rest(at) == 0 { self.free(at) } else { at + 1 }
    }

    /// Frees the block of `at`, in which nothing waits; returns where the next one starts.
    #[inline]
    pub(super) fn free(&mut self, at: u32) -> u32 {
        let block = self.block(at);
        let next = std::mem::replace(&mut self.all[block as usize].next, self.free);
        self.free = block;
        next.wrapping_mul(self.size())
    }

    /// Frees the block of `at`, neither its queue's first nor last, in which nothing waits.
    pub(super) fn free_between(&mut self, at: u32) {
        let Block { next, prev, .. } = self.all[self.block(at) as usize];
        self.all[prev as usize].next = next;
        self.all[next as usize].prev = prev;
        self.free(at);
    }

    /// Frees the block after that of `at`, in which nothing waits; `last`: it is its queue's last.
    pub(super) fn free_next(&mut self, at: u32, last: bool) {
        let block = self.block(at);
        let next = self.all[block as usize].next;
        if !last {
            let after = self.all[next as usize].next;
            self.all[block as usize].next = after;
            self.all[after as usize].prev = block;
        }
        self.free(next * self.size());
    }

    /// Returns how many positions are in free blocks.
    #[cfg(all(test, not(loom)))]
    pub(super) fn free_positions(&self) -> usize {
        let some = |block: u32| Some(block).filter(|&block| block != NIL);
        let next = |&block: &u32| some(self.all[block as usize].next);
        std::iter::successors(some(self.free), next).count() * self.size() as usize
    }
}
