//! A bounded ring with any number of producers and one consumer.
//!
//! A producer claims positions by advancing `tail`, writes its slots and publishes each by storing
//! `position + 1` in the slot's `stamp`. The consumer takes the published prefix and advances
//! `head`. Positions count up without end (u64), so a stamp is never seen twice.
//!
//! A claim is sequentially consistent. So a producer needs no fence to read a flag between its
//! claim and its publication. If the consumer writes the flag and then reads an unchanged `tail`,
//! every later producer sees the flag. If it finds `tail` ahead of the published prefix, it must
//! check again.
//!
//! ```
//! use multibin::ring::{Full, ring};
//!
//! let (ring, mut consumer) = ring(2);
//! assert_eq!(ring.push('a'), Ok(0));
//! assert_eq!(ring.push('b'), Ok(1));
//! assert_eq!(ring.push('c'), Err(Full('c')));
//! let mut taken = String::new();
//! consumer.pass(|value| taken.push(value));
//! assert_eq!(taken, "ab");
//! ```

#[cfg(all(test, not(loom)))]
mod tests;

use std::mem::MaybeUninit;

use crate::sync::{Arc, AtomicU64, Ordering, UnsafeCell, order_for_loom};

/// The ring has no free slot: the error returns the value.
///
/// ```
/// use multibin::ring::{Full, ring};
///
/// let (ring, _consumer) = ring(1);
/// ring.push(1).unwrap();
/// let Full(value) = ring.push(2).unwrap_err();
/// assert_eq!(value, 2);
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Full<T>(
    /// The value that was not pushed.
    pub T,
);

/// Keeps the word that producers write and the one that the consumer writes on separate cache
/// lines.
#[repr(align(128))]
#[derive(Debug)]
struct Aligned<T>(T);

#[derive(Debug)]
struct Slot<T> {
    /// 0 before the first use, then the last published position + 1.
    stamp: AtomicU64,
    value: UnsafeCell<MaybeUninit<T>>,
}

/// The producers' half: shared by any number of threads.
///
/// ```
/// let (ring, _consumer) = multibin::ring::ring(4);
/// std::thread::scope(|scope| {
///     scope.spawn(|| ring.push(1).unwrap());
///     scope.spawn(|| ring.push(2).unwrap());
/// });
/// assert_eq!(ring.tail(), 2);
/// ```
#[derive(Debug)]
pub struct Ring<T> {
    slots: Box<[Slot<T>]>,
    /// The next position to claim.
    tail: Aligned<AtomicU64>,
    /// The next position to take; everything before it may be overwritten.
    head: Aligned<AtomicU64>,
}

/// The consumer's half: there is one, and taking needs `&mut`.
///
/// ```
/// let (ring, mut consumer) = multibin::ring::ring(4);
/// ring.push(7).unwrap();
/// consumer.pass(|value| assert_eq!(value, 7));
/// assert!(consumer.is_empty());
/// ```
#[derive(Debug)]
pub struct Consumer<T> {
    ring: Arc<Ring<T>>,
    /// The next position to take. `Ring::head` follows every eighth of a lap, and when a pass ends.
    head: u64,
}

// All `unsafe` of the crate is here, except a call of libc each in `fork.rs` and `record/lock.rs`.

// SAFETY: a slot's value is touched by one thread at a time. The first is the producer that claimed
// its position. After the Release/Acquire pair on `stamp` it is the one consumer. After the pair on
// `head` it is the producer of the next lap. Values are `Copy`, so they cross by being copied.
unsafe impl<T: Copy + Send> Sync for Ring<T> {}
// SAFETY: the ring owns its slots, whose values may be sent; threads share it as argued for `Sync`.
unsafe impl<T: Copy + Send> Send for Ring<T> {}

/// Makes a ring of `slots` slots and returns both its halves.
///
/// ```
/// let (ring, consumer) = multibin::ring::ring::<u32>(8);
/// assert_eq!((ring.tail(), consumer.head()), (0, 0));
/// ```
///
/// # Panics
/// If `slots` is not a power of two.
#[must_use]
pub fn ring<T: Copy>(slots: usize) -> (Arc<Ring<T>>, Consumer<T>) {
    assert!(slots.is_power_of_two(), "{slots} slots are not a power of two");
    let slot = |_| Slot { stamp: AtomicU64::new(0), value: UnsafeCell::new(MaybeUninit::uninit()) };
    let ring = Arc::new(Ring {
        slots: (0..slots).map(slot).collect(),
        tail: Aligned(AtomicU64::new(0)),
        head: Aligned(AtomicU64::new(0)),
    });
    let consumer = Consumer { ring: Arc::clone(&ring), head: 0 };
    (ring, consumer)
}

impl<T: Copy> Ring<T> {
    /// Publishes `value` and returns its position. Lock-free: it retries for
    /// long only while other producers succeed.
    ///
    /// ```
    /// let (ring, consumer) = multibin::ring::ring(4);
    /// assert_eq!(ring.push(7), Ok(0));
    /// assert_eq!(consumer.first(), Some(7));
    /// ```
    ///
    /// # Errors
    /// [`Full`], with the value, when no slot is free.
    #[inline]
    pub fn push(&self, value: T) -> Result<u64, Full<T>> {
        self.push_with(value, || ()).map(|(end, ())| end - 1).ok_or(Full(value))
    }

    /// Publishes `value` and calls `check` between claim and publication. `check` must not panic:
    /// the consumer waits for the position. Returns the position after the value, and what `check`
    /// returned; `None` if no slot is free.
    #[inline]
    pub(crate) fn push_with<C>(&self, value: T, check: impl FnOnce() -> C) -> Option<(u64, C)> {
        let (position, _) = self.claim(1)?;
        let seen = check();
        self.publish(position, value);
        Some((position + 1, seen))
    }

    /// Publishes the longest prefix of `values` for which slots are free, claimed in one step.
    /// Returns how many, and the position after the last; `None` if no slot is free. Lock-free: it
    /// retries for long only while other producers succeed.
    ///
    /// ```
    /// let (ring, _consumer) = multibin::ring::ring(4);
    /// assert_eq!(ring.push_block(&[1, 2, 3]), Some((3, 3)));
    /// assert_eq!(ring.push_block(&[4, 5, 6]), Some((1, 4)));
    /// assert_eq!(ring.push_block(&[5, 6]), None);
    /// ```
    pub fn push_block(&self, values: &[T]) -> Option<(usize, u64)> {
        let pushed = self.push_block_with(values.len(), |i| values[i], || ());
        pushed.map(|(pushed, end, ())| (pushed, end))
    }

    /// Publishes the longest prefix of the `values` of 0 up to `count` for which slots are free.
    /// Calls `check` between claim and publication: it must not panic. Returns how many, the
    /// position after the last, and what `check` returned.
    pub(crate) fn push_block_with<C>(
        &self,
        count: usize,
        values: impl Fn(usize) -> T,
        check: impl FnOnce() -> C,
    ) -> Option<(usize, u64, C)> {
        let (first, claimed) = self.claim(count as u64)?;
        let seen = check();
        for i in 0..claimed {
            self.publish(first + i, values(i as usize));
        }
        Some((claimed as usize, first + claimed, seen))
    }

    /// Returns the next position to claim: those from [`Consumer::head`] on are not yet taken.
    ///
    /// ```
    /// let (ring, _consumer) = multibin::ring::ring(4);
    /// ring.push(7).unwrap();
    /// assert_eq!(ring.tail(), 1);
    /// ```
    #[must_use]
    pub fn tail(&self) -> u64 {
        // SeqCst: pairs with the exchange in `claim`. A thread that wrote a flag before sees the
        // claim here, or the producer that checks the flag sees that write.
        self.tail.0.load(Ordering::SeqCst)
    }

    /// Claims up to `wanted` positions. Returns the first one and how many; `None` if no slot is
    /// free.
    #[inline]
    fn claim(&self, wanted: u64) -> Option<(u64, u64)> {
        let mut tail = self.tail.0.load(Ordering::Relaxed);
        loop {
            // Acquire: pairs with the Release store in `Consumer::release`, so that a slot is
            // overwritten only after its last value was read.
            let head = self.head.0.load(Ordering::Acquire);
            // A stale `tail` may lie behind `head`; the exchange below then fails.
            let used = tail.saturating_sub(head);
            let claimed = wanted.min(self.slots.len() as u64 - used.min(self.slots.len() as u64));
            if claimed == 0 {
                return None;
            }
            // SeqCst: pairs with the load in `tail`, for producers that check before they publish.
            // The slot's stamp publishes the value.
            match self.tail.0.compare_exchange_weak(
                tail,
                tail + claimed,
                Ordering::SeqCst,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    order_for_loom();
                    return Some((tail, claimed));
                }
                Err(now) => tail = now,
            }
        }
    }

    #[inline]
    fn publish(&self, position: u64, value: T) {
        let slot = self.slot(position);
        slot.value.with_mut(|cell| {
            // SAFETY: this thread alone claimed `position`, which is less than one lap ahead of
            // `head`. So the consumer has left this slot, and no other producer may enter it.
            unsafe { (*cell).write(value) };
        });
        // Release: pairs with the Acquire load in `Consumer::published`, so that it sees the value.
        slot.stamp.store(position + 1, Ordering::Release);
    }

    #[inline]
    fn slot(&self, position: u64) -> &Slot<T> {
        &self.slots[position as usize & (self.slots.len() - 1)]
    }
}

impl<T: Copy> Consumer<T> {
    /// Passes every published value to `each`, the oldest first. Stops at the first position that
    /// is not published, or was not claimed when this began. Returns true if that one was claimed.
    /// Wait-free: at most one lap.
    ///
    /// ```
    /// let (ring, mut consumer) = multibin::ring::ring(4);
    /// ring.push_block(&[1, 2, 3]).unwrap();
    /// let mut sum = 0;
    /// assert!(!consumer.pass(|value| sum += value));
    /// assert_eq!(sum, 6);
    /// ```
    #[inline]
    pub fn pass(&mut self, mut each: impl FnMut(T)) -> bool {
        // A producer that waits for a free slot gets one before the pass is over.
        let portion = (self.ring.slots.len() / 8) as u64;
        let (tail, mut head) = (self.ring.tail(), self.head);
        while head != tail
            && let Some(value) = self.published(head)
        {
            each(value);
            head += 1;
            if head - self.head >= portion {
                self.release(head);
            }
        }
        self.release(head);
        head != tail
    }

    /// Returns the next position to take.
    ///
    /// ```
    /// let (ring, mut consumer) = multibin::ring::ring(4);
    /// ring.push(7).unwrap();
    /// consumer.pass(drop);
    /// assert_eq!(consumer.head(), 1);
    /// ```
    #[must_use]
    pub fn head(&self) -> u64 {
        self.head
    }

    /// Returns true if every position that was claimed is taken.
    ///
    /// ```
    /// let (ring, consumer) = multibin::ring::ring(4);
    /// assert!(consumer.is_empty());
    /// ring.push(7).unwrap();
    /// assert!(!consumer.is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head == self.ring.tail()
    }

    /// Returns the producers' half.
    ///
    /// ```
    /// let (_, consumer) = multibin::ring::ring(4);
    /// consumer.ring().push(7).unwrap();
    /// assert_eq!(consumer.first(), Some(7));
    /// ```
    #[must_use]
    pub fn ring(&self) -> &Ring<T> {
        &self.ring
    }

    /// Returns the value at the next position to take, if it is published. Wait-free.
    ///
    /// ```
    /// let (ring, consumer) = multibin::ring::ring(4);
    /// assert_eq!(consumer.first(), None);
    /// ring.push(7).unwrap();
    /// assert_eq!(consumer.first(), Some(7));
    /// ```
    #[must_use]
    pub fn first(&self) -> Option<T> {
        self.published(self.head)
    }

    /// Returns the first published value that `wanted` accepts, and takes none. It may be behind a
    /// position that is claimed and not published. Wait-free: at most one lap.
    ///
    /// ```
    /// let (ring, consumer) = multibin::ring::ring(4);
    /// ring.push_block(&[1, 2, 3]).unwrap();
    /// assert_eq!(consumer.find(|value| value % 2 == 0), Some(2));
    /// ```
    #[must_use]
    pub fn find(&self, wanted: impl Fn(&T) -> bool) -> Option<T> {
        let claimed = self.head..self.ring.tail();
        claimed.filter_map(|position| self.published(position)).find(wanted)
    }

    /// Returns the value at `position`, which is not before `head`, if it is published.
    #[inline]
    fn published(&self, position: u64) -> Option<T> {
        let slot = self.ring.slot(position);
        // Acquire: pairs with the Release store in `Ring::publish`, so that the value is there.
        if slot.stamp.load(Ordering::Acquire) != position + 1 {
            return None;
        }
        Some(slot.value.with(|cell| {
            // SAFETY: the stamp shows that this position is published. Its producer has left the
            // slot, and the next one waits until `head` passes it, which needs `&mut self`.
            unsafe { (*cell).assume_init() }
        }))
    }

    /// Advances to `head`: every position before it was taken.
    #[inline]
    fn release(&mut self, head: u64) {
        if self.head != head {
            self.head = head;
            // Release: pairs with the Acquire load in `Ring::claim`; the values before it were
            // read.
            self.ring.head.0.store(head, Ordering::Release);
        }
    }
}
