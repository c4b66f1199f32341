//! Lock-free signals from producers to workers: which rings hold entries, and whether to wake a
//! waiter.
//!
//! An eventcount, by Dekker's protocol, twice. A producer claims a position and checks the dirty
//! bit of its bin, which it sets if it is not set. Then it checks whether the notifier is armed,
//! and publishes. All of this is `SeqCst`, so that no fence is needed between publication and
//! check.
//!
//! - *Collecting* clears dirty bits and then reads the [`tail`](super::ring::Ring::tail) of their
//!   rings. A producer that checked the bit before it was cleared has claimed before that. So the
//!   collecting worker sees the claim: it takes the entry, or leaves the bit set if the entry is
//!   not published. A producer that checks afterwards sets the bit again.
//! - *A waiter* arms the notifier and then collects, from the dirty rings alone. Consider a
//!   producer that sees the notifier as it was before. It checked its dirty bit before the notifier
//!   was armed. So the bit is set when the waiter reads the bits, unless another worker cleared it
//!   in between. That worker saw the claim, and left the bit set if the claim was not published.
//!   Collecting and arming happen under the forming lock, one after the other. So the waiter sees
//!   the claim, or the producer sees the armed notifier.
//!
//! The position up to which a bin's entries complete no batch is stored when it changes, before the
//! notifier is armed. A producer reads it after it saw the notifier armed. It reads the position
//! that was stored for this arming or for a later one, and the worker of a later one saw the claim.
//! This holds for the deadline, too.

use crate::sync::{AtomicU32, AtomicU64, Ordering, order_for_loom};

/// No position is after it: no entry wakes a waiter.
pub(crate) const NEVER: u64 = u64::MAX;

/// The states of an armed notifier.
const BY_BIN: u32 = 1;
const ANY: u32 = 2;

/// One eventcount for all workers. A producer that finds it armed disarms it and wakes one.
#[derive(Debug)]
pub(crate) struct Notifier {
    /// While a worker waits and no waiter has been woken since: [`BY_BIN`], or [`ANY`] if every
    /// entry wakes one. Else 0.
    armed: AtomicU32,
    /// For each bin the ring position up to which an entry completes no batch.
    wake_after: Box<[AtomicU64]>,
    /// The earliest deadline of a waiter; `u64::MAX`: none.
    deadline: AtomicU64,
    /// A bit for each bin, set if its ring may hold entries, so that no worker reads all rings.
    dirty: Box<[AtomicU64]>,
}

impl Notifier {
    pub(crate) fn new(bins: usize) -> Self {
        let wake_after = (0..bins).map(|_| AtomicU64::new(0)).collect();
        let dirty = (0..bins.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Self { armed: AtomicU32::new(0), wake_after, deadline: AtomicU64::new(u64::MAX), dirty }
    }

    /// Marks `bin` as dirty, of which a producer claimed positions and has not published them.
    /// Returns the position up to which an entry wakes no waiter, for [`Notifier::should_wake`].
    #[inline]
    pub(crate) fn check(&self, bin: usize) -> u64 {
        let (dirty, bit) = (&self.dirty[bin / 64], 1 << (bin % 64));
        // SeqCst: pairs with the exchange in `take_dirty`.
        if dirty.load(Ordering::SeqCst) & bit == 0 {
            dirty.fetch_or(bit, Ordering::SeqCst);
        }
        order_for_loom();
        // SeqCst: pairs with the store in `arm`.
        match self.armed.load(Ordering::SeqCst) {
            0 => NEVER,
            // Relaxed: stored for this arming, or for a later one whose worker saw the claim.
            BY_BIN => self.wake_after[bin].load(Ordering::Relaxed),
            _ => 0,
        }
    }

    /// Returns true if a producer must wake a waiter. [`Notifier::check`] returned `wake_after` to
    /// it, and it published its entries, which end before position `end`. The first of these
    /// becomes overdue or expires at `due`.
    #[inline]
    pub(crate) fn should_wake(&self, end: u64, wake_after: u64, due: impl FnOnce() -> u64) -> bool {
        // Relaxed: the caller takes the lock to wake, which orders everything. If another producer
        // disarmed the notifier, that one wakes a waiter.
        wake_after != NEVER
            && (end > wake_after || self.is_before_deadline(due()))
            && self.armed.swap(0, Ordering::Relaxed) != 0
    }

    /// Returns true if no waiter has a deadline at `due` or earlier.
    fn is_before_deadline(&self, due: u64) -> bool {
        // Relaxed: stored for this arming, or for a later one whose worker saw the claim.
        due < self.deadline.load(Ordering::Relaxed)
    }

    /// Stores that entries of `bin` up to `position` complete no batch. The caller holds the
    /// forming lock and arms the notifier before it releases it.
    pub(crate) fn set_wake_after(&self, bin: usize, position: u64) {
        // Relaxed: ordered by the store in `arm`.
        self.wake_after[bin].store(position, Ordering::Relaxed);
    }

    /// Arms the notifier: a worker is about to wait. With `any` every entry wakes a waiter. Else
    /// those do that are after their bin's position, or due before `deadline`. The caller then
    /// collects from the dirty rings, for claims whose producers checked before.
    pub(crate) fn arm(&self, any: bool, deadline: u64) {
        // Relaxed: ordered by the store below.
        self.deadline.store(deadline, Ordering::Relaxed);
        // SeqCst: pairs with the load in `check`.
        self.armed.store(if any { ANY } else { BY_BIN }, Ordering::SeqCst);
        order_for_loom();
    }

    /// Calls `take` for every dirty bin. It returns true if a claim is left, so that the bin stays
    /// dirty.
    #[inline]
    pub(crate) fn take_dirty(&self, mut take: impl FnMut(usize) -> bool) {
        for (word, dirty) in self.dirty.iter().enumerate() {
            // SeqCst: pairs with the load of `armed` in `check`, for a waiter that collects.
            if dirty.load(Ordering::SeqCst) == 0 {
                continue;
            }
            // SeqCst: pairs with the load of the dirty bit in `check`.
            let mut bits = dirty.swap(0, Ordering::SeqCst);
            order_for_loom();
            let mut left = 0;
            while bits != 0 {
                let bit = bits & bits.wrapping_neg();
                let claimed = take(64 * word + bit.trailing_zeros() as usize);
                left |= if claimed { bit } else { 0 };
                bits ^= bit;
            }
            if left != 0 {
                // Relaxed: a producer that finds it set need not set it; workers read it under the
                // lock.
                dirty.fetch_or(left, Ordering::Relaxed);
            }
        }
    }

    /// Disarms the notifier: no waiter needs to be woken.
    pub(crate) fn disarm(&self) {
        self.armed.store(0, Ordering::Relaxed);
    }
}
