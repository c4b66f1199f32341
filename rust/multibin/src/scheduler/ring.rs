//! A bounded ring with any number of producers and one consumer. All `unsafe` of the crate is here, but for
//! a call of libc in `scheduler/fork.rs`.
//!
//! A producer claims positions by advancing `tail`, writes its slots and publishes each by storing
//! `position + 1` in the slot's `stamp`. The consumer takes the published prefix and advances
//! `head`. Positions count up for ever (u64), so a stamp is never seen twice.
//!
//! A claim is sequentially consistent, so a producer that looks at something between its claim and
//! its publication needs no fence: whoever writes that thing and then finds `tail` where it was is
//! seen by the producer. Whoever finds `tail` ahead of what is published looks again.

use std::mem::MaybeUninit;

use crate::sync::{Arc, AtomicU64, Ordering, UnsafeCell, order_for_loom};

/// The ring has no room: the value comes back.
#[derive(Debug, PartialEq, Eq)]
pub struct Full<T>(
    /// What was not taken.
    pub T,
);

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
pub struct Ring<T> {
    slots: Box<[Slot<T>]>,
    /// The next position to claim.
    tail: Aligned<AtomicU64>,
    /// The next position to take; everything before it may be overwritten.
    head: Aligned<AtomicU64>,
}

/// The consumer's side: there is one, and taking needs `&mut`.
#[derive(Debug)]
pub struct Drain<T> {
    ring: Arc<Ring<T>>,
    /// The next position to take; `Ring::head` follows every eighth of a lap, and when a pass ends.
    head: u64,
}

// SAFETY: a slot's value is touched by one thread at a time: first by the producer that claimed its
// position, then, after the Release/Acquire pair on `stamp`, by the one consumer, then, after the
// pair on `head`, by the producer of the next lap. Values are `Copy`, so they cross by being copied.
unsafe impl<T: Copy + Send> Sync for Ring<T> {}
// SAFETY: as above; the ring owns its slots.
unsafe impl<T: Copy + Send> Send for Ring<T> {}

/// A ring of `slots` values: both its sides.
///
/// # Panics
/// If `slots` is not a power of two.
#[must_use]
pub fn ring<T: Copy>(slots: usize) -> (Arc<Ring<T>>, Drain<T>) {
    assert!(slots.is_power_of_two(), "{slots} slots are not a power of two");
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
    /// Publishes `value`; returns its position. Lock-free: a claim fails for long only while
    /// other producers' succeed.
    ///
    /// # Errors
    /// [`Full`], with the value, when no slot is free.
    #[inline]
    pub fn push(&self, value: T) -> Result<u64, Full<T>> {
        self.push_looking(value, || ()).map(|(end, ())| end - 1).ok_or(Full(value))
    }

    /// As [`Ring::push`], and calls `look` between claim and publication: it must not panic, as the
    /// consumer waits for the position. Returns the position after the value, and what was seen.
    #[inline]
    pub(crate) fn push_looking<L>(&self, value: T, look: impl FnOnce() -> L) -> Option<(u64, L)> {
        let (position, _) = self.claim(1)?;
        let seen = look();
        self.publish(position, value);
        Some((position + 1, seen))
    }

    /// Publishes the longest prefix of `values` for which there is room, claimed in one step;
    /// returns how many, and the position after the last; `None` if that is nothing. Lock-free
    /// like [`Ring::push`].
    pub fn push_block(&self, values: &[T]) -> Option<(usize, u64)> {
        let pushed = self.push_block_looking(values.len(), |i| values[i], || ());
        pushed.map(|(pushed, end, ())| (pushed, end))
    }

    /// [`Ring::push_block`] of the `values` of 0 up to `count`, with `look` as in
    /// [`Ring::push_looking`].
    pub(crate) fn push_block_looking<L>(
        &self,
        count: usize,
        values: impl Fn(usize) -> T,
        look: impl FnOnce() -> L,
    ) -> Option<(usize, u64, L)> {
        let (first, claimed) = self.claim(count as u64)?;
        let seen = look();
        for i in 0..claimed {
            self.publish(first + i, values(i as usize));
        }
        Some((claimed as usize, first + claimed, seen))
    }

    /// The next position to claim: those from [`Drain::head`] on are not yet taken.
    #[must_use]
    pub fn tail(&self) -> u64 {
        // SeqCst: pairs with the exchange in `claim`. Who wrote before what a producer looks at
        // sees the claim here, or the producer sees that write.
        self.tail.0.load(Ordering::SeqCst)
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
            // SeqCst: pairs with the load in `tail`, for those who look before they publish; the
            // slot's stamp publishes the value.
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
            // SAFETY: `position` was claimed by this thread alone and lies less than one lap ahead
            // of `head`, so the consumer has left this slot and no other producer may enter it.
            unsafe { (*cell).write(value) };
        });
        // Release: pairs with the Acquire load in `Drain::published`, so that it sees the value.
        slot.stamp.store(position + 1, Ordering::Release);
    }

    #[inline]
    fn slot(&self, position: u64) -> &Slot<T> {
        &self.slots[position as usize & (self.slots.len() - 1)]
    }
}

impl<T: Copy> Drain<T> {
    /// Hands every published value to `each`, oldest first, up to the first position that is not
    /// published or was not claimed when this began; whether that one was claimed. Wait-free: at
    /// most one lap.
    #[inline]
    pub fn pass(&mut self, mut each: impl FnMut(T)) -> bool {
        // Who waits for room gets some before the pass is over.
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

    /// The next position to take.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.head
    }

    /// Returns true if no position is claimed that was not taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head == self.ring.tail()
    }

    /// The ring that this side empties.
    #[must_use]
    pub fn ring(&self) -> &Ring<T> {
        &self.ring
    }

    /// The value at the next position to take, if it is published. Wait-free.
    #[must_use]
    pub fn first(&self) -> Option<T> {
        self.published(self.head)
    }

    /// Returns the first published value that `wanted` accepts, also behind a position that its
    /// producer claimed and has not published. Takes nothing. Wait-free: at most one lap.
    #[must_use]
    pub fn find(&self, wanted: impl Fn(&T) -> bool) -> Option<T> {
        let claimed = self.head..self.ring.tail();
        claimed.filter_map(|position| self.published(position)).find(wanted)
    }

    /// The value at `position`, which is not before `head`, if it is published.
    #[inline]
    fn published(&self, position: u64) -> Option<T> {
        let slot = self.ring.slot(position);
        // Acquire: pairs with the Release store in `Ring::publish`, so that the value is there.
        if slot.stamp.load(Ordering::Acquire) != position + 1 {
            return None;
        }
        Some(slot.value.with(|cell| {
            // SAFETY: the stamp says that this position is published; its producer has left the
            // slot, and the next one waits until `head` passes it, which needs `&mut self`.
            unsafe { (*cell).assume_init() }
        }))
    }

    /// Every position before `head` was taken.
    #[inline]
    fn release(&mut self, head: u64) {
        if self.head != head {
            self.head = head;
            // Release: pairs with the Acquire load in `Ring::claim`; the values before it were read.
            self.ring.head.0.store(head, Ordering::Release);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn drained(drain: &mut Drain<u32>) -> Vec<u32> {
        let mut values = Vec::new();
        drain.pass(|value| values.push(value));
        values
    }

    #[test]
    fn keeps_order_over_many_laps_and_hands_back_what_does_not_fit() {
        let (ring, mut drain) = ring(4);
        for lap in 0..10 {
            let values = [lap, lap + 1, lap + 2, lap + 3];
            for value in values {
                ring.push(value).unwrap();
            }
            assert_eq!(ring.push(99), Err(Full(99)));
            assert_eq!(drained(&mut drain), values);
        }
    }

    #[test]
    fn blocks_take_what_there_is_room_for() {
        let (ring, mut drain) = ring(8);
        assert_eq!(ring.push_block(&[0, 1, 2, 3, 4]), Some((5, 5)));
        assert_eq!(ring.push_block(&[5, 6, 7, 8, 9]), Some((3, 8)));
        assert_eq!(ring.push_block(&[8]), None);
        assert_eq!(drained(&mut drain), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!((ring.tail(), drain.head()), (8, 8));
    }

    #[test]
    fn finds_what_lies_behind_a_claim_and_leaves_it() {
        let (ring, mut drain) = ring(4);
        let (stalled, _) = ring.claim(1).unwrap();
        ring.push(7).unwrap();
        assert!(drained(&mut drain).is_empty());
        assert_eq!(drain.find(|&value| value == 7), Some(7));
        assert_eq!(drain.find(|&value| value == 8), None);
        ring.publish(stalled, 8);
        assert_eq!(drained(&mut drain), [8, 7]);
        assert_eq!(drain.find(|_| true), None);
    }

    #[test]
    fn a_pass_makes_room_every_eighth_of_a_lap_and_ends_after_one() {
        let (ring, mut drain) = ring(16);
        (0..16).for_each(|value| drop(ring.push(value)));
        let mut room = Vec::new();
        drain.pass(|value| room.push(ring.push(16 + value).is_ok()));
        assert_eq!(room.len(), 16);
        assert_eq!(room.iter().filter(|&&room| room).count(), 14);
        assert_eq!(room[..4], [false, false, true, true]);
        assert_eq!(drained(&mut drain).len(), 14);
    }

    #[test]
    fn values_from_many_threads_arrive_once_and_in_each_ones_order() {
        const EACH: u32 = 20_000;
        let (ring, mut drain) = ring::<u32>(64);
        let mut seen: [Vec<u32>; 3] = Default::default();
        std::thread::scope(|scope| {
            for producer in 0..3 {
                let ring = &ring;
                scope.spawn(move || {
                    for i in 0..EACH {
                        while ring.push(producer * EACH + i).is_err() {
                            std::thread::yield_now();
                        }
                    }
                });
            }
            while seen.iter().map(Vec::len).sum::<usize>() < 3 * EACH as usize {
                drain.pass(|value| seen[(value / EACH) as usize].push(value % EACH));
                std::thread::yield_now();
            }
        });
        assert!(seen.iter().all(|values| values.iter().copied().eq(0..EACH)));
    }
}

/// Run with `RUSTFLAGS="--cfg loom" cargo test -p multibin --profile loom --lib loom`.
#[cfg(all(test, loom))]
mod loom_tests {
    use loom::thread;

    use super::*;

    /// Two producers, a ring of two slots, so that laps overlap: nothing is lost, doubled or torn.
    #[test]
    fn ring_delivers_each_value_once_and_in_order() {
        loom::model(|| {
            let (ring, mut drain) = ring::<(u32, u32)>(2);
            let producer = |values: &'static [u32]| {
                let ring = Arc::clone(&ring);
                thread::spawn(move || {
                    let accepted = |value: &u32| ring.push((*value, *value)).is_ok();
                    values.iter().copied().filter(accepted).collect::<Vec<_>>()
                })
            };
            let (one, other) = (producer(&[1, 2]), producer(&[11]));
            let mut seen = Vec::new();
            drain.pass(|(value, copy)| {
                assert_eq!(value, copy);
                seen.push(value);
            });
            let sent = [one.join().unwrap(), other.join().unwrap()];
            drain.pass(|(value, _)| seen.push(value));
            for values in &sent {
                let low = values.first().is_some_and(|&value| value < 10);
                let got: Vec<_> = seen.iter().copied().filter(|&v| (v < 10) == low).collect();
                assert!(values.is_empty() || *values == got, "{values:?} {got:?}");
            }
            assert_eq!(seen.len(), sent[0].len() + sent[1].len());
        });
    }

    /// A block and a single value, so that a claim of several positions meets one of one.
    #[test]
    fn blocks_and_single_values_mix() {
        loom::model(|| {
            let (ring, mut drain) = ring::<u32>(4);
            let block = {
                let ring = Arc::clone(&ring);
                thread::spawn(move || ring.push_block(&[1, 2, 3]).map_or(0, |(pushed, _)| pushed))
            };
            let single = {
                let ring = Arc::clone(&ring);
                thread::spawn(move || usize::from(ring.push(11).is_ok()))
            };
            let mut seen = Vec::new();
            drain.pass(|value| seen.push(value));
            let sent = block.join().unwrap() + single.join().unwrap();
            drain.pass(|value| seen.push(value));
            assert_eq!(seen.len(), sent);
            let block: Vec<_> = seen.into_iter().filter(|&value| value < 10).collect();
            assert_eq!(block, [1, 2, 3]);
        });
    }
}
