//! Counts forks, so that a scheduler notices that it is in a child of the process that made it.
//!
//! A fork leaves the child a copy of every scheduler. Its locks may be held, and its waiters owned,
//! by threads that the child does not have. So a scheduler belongs to the process that made it, and
//! in another one refuses each call before it takes a lock. The child counts forks
//! (`pthread_atfork`). A fork without libc's `fork` is not noticed, nor is any on a system that has
//! none.

pub(crate) const FORKED: &str =
    "the scheduler was made before a fork: make one in the child process";

/// How many forks separate this process from the first one that counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Generation(u32);

#[cfg(all(unix, not(loom)))]
mod count {
    use crate::sync::{AtomicU32, Ordering};

    static FORKS: AtomicU32 = AtomicU32::new(0);
    static REGISTERED: AtomicU32 = AtomicU32::new(0);

    /// Runs in the child, before `fork` returns there.
    unsafe extern "C" fn forked() {
        // Relaxed: the child has one thread, which comes after this.
        FORKS.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn forks() -> u32 {
        // Relaxed: only a fork changes it, before anything else runs in the child.
        FORKS.load(Ordering::Relaxed)
    }

    /// Lets forks be counted from now on. Two threads may register at the same time, and then each
    /// fork counts twice. A lock would prevent that, but a child could inherit it.
    pub(super) fn register() {
        // Relaxed: either order of the two is right.
        if REGISTERED.load(Ordering::Relaxed) == 0 {
            // SAFETY: `forked` only touches an atomic, which any thread may do at any time.
            let refused = unsafe { libc::pthread_atfork(None, None, Some(forked)) };
            REGISTERED.store(u32::from(refused == 0), Ordering::Relaxed);
        }
    }
}

#[cfg(not(all(unix, not(loom))))]
mod count {
    #[inline]
    pub(super) fn forks() -> u32 {
        0
    }

    pub(super) fn register() {}
}

impl Generation {
    /// Returns the generation of this process, and lets its forks be counted.
    pub(crate) fn current() -> Self {
        count::register();
        Self(count::forks())
    }

    /// Returns true in a child of the process of this generation.
    #[inline]
    pub(crate) fn is_over(self) -> bool {
        self.0 != count::forks()
    }
}
