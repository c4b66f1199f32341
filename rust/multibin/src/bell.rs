//! What producers tell workers without asking for the lock: where something is published, and that
//! a sleeper must wake.
//!
//! The two sides of Dekker's protocol: a producer publishes, fences, then looks at the bell; a
//! worker arms the bell, fences, then looks once more at the rings before it sleeps. One of the
//! two sees the other.

use crate::sync::{AtomicU32, AtomicU64, Ordering, fence};

/// One bell for all workers: whoever finds it armed disarms it and wakes one.
#[derive(Debug)]
pub(crate) struct Bell {
    /// 1 while somebody sleeps and nobody has been woken for it, else 0.
    armed: AtomicU32,
    /// Per bin the ring position up to which an entry makes no batch.
    quiet: Box<[AtomicU64]>,
    /// A bit per bin whose ring may hold something, so that who drains need not look at all.
    marks: Box<[AtomicU64]>,
}

impl Bell {
    pub(crate) fn new(bins: usize) -> Self {
        let quiet = (0..bins).map(|_| AtomicU64::new(0)).collect();
        let marks = (0..bins.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Self { armed: AtomicU32::new(0), quiet, marks }
    }

    /// A producer published everything of `bin` before position `end`: must it wake somebody?
    #[inline]
    pub(crate) fn rings(&self, bin: usize, end: u64) -> bool {
        // SeqCst: pairs with the fences in `arm` and `marked`.
        fence(Ordering::SeqCst);
        let (mark, bit) = (&self.marks[bin / 64], 1 << (bin % 64));
        if mark.load(Ordering::Relaxed) & bit == 0 {
            mark.fetch_or(bit, Ordering::Relaxed);
        }
        self.armed.load(Ordering::Relaxed) == 1
            && end > self.quiet[bin].load(Ordering::Relaxed)
            // Relaxed: who wakes takes the lock afterwards, which orders everything.
            && self.armed.swap(0, Ordering::Relaxed) == 1
    }

    /// A worker is about to sleep: entries up to `quiet(bin)` need not wake it. The caller then
    /// looks at the rings again.
    pub(crate) fn arm(&self, quiet: impl Fn(usize) -> u64) {
        for (bin, position) in self.quiet.iter().enumerate() {
            position.store(quiet(bin), Ordering::Relaxed);
        }
        self.armed.store(1, Ordering::Relaxed);
        // SeqCst: pairs with the fence in `rings`.
        fence(Ordering::SeqCst);
    }

    /// Calls `look` for every bin that was marked since the last time. Either a mark is seen here,
    /// or its producer finds none and sets it anew; what a stalled producer hides is marked again
    /// when that one publishes. Who is about to sleep looks at every ring all the same.
    #[inline]
    pub(crate) fn marked(&self, mut look: impl FnMut(usize)) {
        for (word, marks) in self.marks.iter().enumerate() {
            if marks.load(Ordering::Relaxed) == 0 {
                continue;
            }
            let mut bits = marks.swap(0, Ordering::Relaxed);
            // SeqCst: pairs with the fence in `rings`: who still found the mark had published.
            fence(Ordering::SeqCst);
            while bits != 0 {
                look(64 * word + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }

    /// Nobody needs to be woken.
    pub(crate) fn disarm(&self) {
        self.armed.store(0, Ordering::Relaxed);
    }
}
