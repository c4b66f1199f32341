//! How a producer knows that it must wake a sleeping worker, without asking for the lock.
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
}

impl Bell {
    pub(crate) fn new(bins: usize) -> Self {
        let quiet = (0..bins).map(|_| AtomicU64::new(0)).collect();
        Self { armed: AtomicU32::new(0), quiet }
    }

    /// A producer published everything of `bin` before position `end`: must it wake somebody?
    #[inline]
    pub(crate) fn rings(&self, bin: usize, end: u64) -> bool {
        // SeqCst: pairs with the fence in `arm`.
        fence(Ordering::SeqCst);
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

    /// Nobody needs to be woken.
    pub(crate) fn disarm(&self) {
        self.armed.store(0, Ordering::Relaxed);
    }
}
