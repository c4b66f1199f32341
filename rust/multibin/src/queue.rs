//! A bounded ring with any number of producers and one consumer. All `unsafe` of the crate is here.
//!
//! A producer claims positions by advancing `tail`, writes its slots and publishes each by storing
//! `position + 1` in the slot's `stamp`. The consumer takes the published prefix and advances
//! `head`. Positions count up for ever (u64), so a stamp is never seen twice.

use std::mem::MaybeUninit;

use crate::sync::{Arc, AtomicU64, Ordering, UnsafeCell};

/// The ring has no room: the value comes back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full<T>(pub(crate) T);

/// Keeps what producers write and what the consumer writes on cache lines of their own.
#[repr(align(128))]
#[derive(Debug)]
struct Aligned<T>(T);

#[derive(Debug)]
struct Slot<T> {
    /// 0 before the first use, then the last published position + 1.
    stamp: AtomicU64,
    value: UnsafeCell<MaybeUninit<T>>,
}

/// The producers' side: shared, any number of threads.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    slots: Box<[Slot<T>]>,
    /// The next position to claim.
    tail: Aligned<AtomicU64>,
    /// The next position to take; everything before it may be overwritten.
    head: Aligned<AtomicU64>,
}

/// The consumer's side: there is one, and taking needs `&mut`.
#[derive(Debug)]
pub(crate) struct Drain<T> {
    ring: Arc<Ring<T>>,
    /// The next position to take; `Ring::head` follows when a pass ends.
    head: u64,
}

// SAFETY: a slot's value is touched by one thread at a time: first by the producer that claimed its
// position, then, after the Release/Acquire pair on `stamp`, by the one consumer, then, after the
// pair on `head`, by the producer of the next lap. Values are `Copy`, so they cross by being copied.
unsafe impl<T: Copy + Send> Sync for Ring<T> {}
// SAFETY: as above; the ring owns its slots.
unsafe impl<T: Copy + Send> Send for Ring<T> {}

/// A ring of `slots` (a power of two) values: both its sides.
pub(crate) fn ring<T: Copy>(slots: usize) -> (Arc<Ring<T>>, Drain<T>) {
    debug_assert!(slots.is_power_of_two());
    let slot = |_| Slot { stamp: AtomicU64::new(0), value: UnsafeCell::new(MaybeUninit::uninit()) };
    let ring = Arc::new(Ring {
        slots: (0..slots).map(slot).collect(),
        tail: Aligned(AtomicU64::new(0)),
        head: Aligned(AtomicU64::new(0)),
    });
    let drain = Drain { ring: Arc::clone(&ring), head: 0 };
    (ring, drain)
}

impl<T: Copy> Ring<T> {
    /// Publishes `value`; returns its position. Lock-free: a failed claim means that another
    /// producer's succeeded.
    #[inline]
    pub(crate) fn push(&self, value: T) -> Result<u64, Full<T>> {
        match self.claim(1) {
            Some((position, _)) => {
                self.publish(position, value);
                Ok(position)
            }
            None => Err(Full(value)),
        }
    }

    /// Publishes the longest prefix of `values` for which there is room, claimed in one step;
    /// returns how many, and the position after the last. Lock-free like [`Ring::push`].
    pub(crate) fn push_block(&self, values: &[T]) -> Option<(usize, u64)> {
        let (first, claimed) = self.claim(values.len() as u64)?;
        for (position, value) in (first..).zip(&values[..claimed as usize]) {
            self.publish(position, *value);
        }
        Some((claimed as usize, first + claimed))
    }

    /// Whether a claimed position is not yet taken, published or not.
    pub(crate) fn tail(&self) -> u64 {
        self.tail.0.load(Ordering::Relaxed)
    }

    /// Claims up to `wanted` positions: the first one and how many; `None` if there is no room.
    #[inline]
    fn claim(&self, wanted: u64) -> Option<(u64, u64)> {
        let mut tail = self.tail.0.load(Ordering::Relaxed);
        loop {
            // Acquire: pairs with the Release store in `Drain::release`, so that a slot is
            // overwritten only after its last value was read.
            let head = self.head.0.load(Ordering::Acquire);
            // A stale `tail` may lie behind `head`; the exchange below then fails.
            let used = tail.saturating_sub(head);
            let claimed = wanted.min(self.slots.len() as u64 - used.min(self.slots.len() as u64));
            if claimed == 0 {
                return None;
            }
            // Relaxed: the claim orders nothing; the slot's stamp publishes the value.
            match self.tail.0.compare_exchange_weak(
                tail,
                tail + claimed,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some((tail, claimed)),
                Err(now) => tail = now,
            }
        }
    }

    #[inline]
    fn publish(&self, position: u64, value: T) {
        let slot = self.slot(position);
        slot.value.with_mut(|cell| {
            // SAFETY: `position` was claimed by this thread alone and lies less than one lap ahead
            // of `head`, so the consumer has left this slot and no other producer may enter it.
            unsafe { (*cell).write(value) };
        });
        // Release: pairs with the Acquire load in `Drain::take`, so that it sees the value.
        slot.stamp.store(position + 1, Ordering::Release);
    }

    #[inline]
    fn slot(&self, position: u64) -> &Slot<T> {
        &self.slots[position as usize & (self.slots.len() - 1)]
    }
}

impl<T: Copy> Drain<T> {
    /// Hands every published value to `each`, oldest first, up to the first position that is
    /// claimed but not published. Wait-free: at most one lap.
    #[inline]
    pub(crate) fn pass(&mut self, mut each: impl FnMut(T)) {
        let start = self.head;
        while let Some(value) = self.take() {
            each(value);
        }
        if self.head != start {
            self.release();
        }
    }

    /// The next position to take.
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// The ring that this side empties.
    pub(crate) fn ring(&self) -> &Ring<T> {
        &self.ring
    }

    #[inline]
    fn take(&mut self) -> Option<T> {
        let slot = self.ring.slot(self.head);
        // Acquire: pairs with the Release store in `Ring::publish`, so that the value is there.
        if slot.stamp.load(Ordering::Acquire) != self.head + 1 {
            return None;
        }
        let value = slot.value.with(|cell| {
            // SAFETY: the stamp says that this position is published; its producer has left the
            // slot, and the next one waits until `head` passes it.
            unsafe { (*cell).assume_init() }
        });
        self.head += 1;
        Some(value)
    }

    fn release(&self) {
        // Release: pairs with the Acquire load in `Ring::claim`; the values before it were read.
        self.ring.head.0.store(self.head, Ordering::Release);
    }
}
