//! A fork leaves the child a copy of every scheduler: with locks that are held by threads that do not exist there, and
//! with sleepers that no thread stands behind. So a scheduler belongs to the process that made it, and
//! says so elsewhere, before it takes any lock. The child counts forks (`pthread_atfork`); who forks without
//! libc's `fork`, and systems that have none, do without.

use std::ops::Deref;
use std::sync::{Arc, Weak};

use super::Inner;

pub(crate) const FORKED: &str =
    "the scheduler was made before a fork: make one in the child process";

/// How many forks lie between this process and the first one that counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation(u32);

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
        // Relaxed: only a fork changes it, and what the child does comes after that.
        FORKS.load(Ordering::Relaxed)
    }

    /// Sees to it that forks are counted. Two threads that come at once register twice, and forks
    /// count double: no lock that a child could inherit says who is the first.
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
    /// This process's, whose children are counted from now on.
    pub(super) fn current() -> Self {
        count::register();
        Self(count::forks())
    }

    #[inline]
    fn is_over(self) -> bool {
        self.0 != count::forks()
    }
}

impl Inner {
    /// Whether this is the child of the process that made it.
    #[inline]
    pub(crate) fn is_forked(&self) -> bool {
        self.generation.is_over()
    }

    /// # Panics
    /// In a child of the process that made it.
    #[inline]
    pub(crate) fn assert_not_forked(&self) {
        assert!(!self.is_forked(), "{FORKED}");
    }
}

/// What handles hold of a scheduler. In a child it is never freed: a thread of the parent may have
/// been changing it when the process forked.
#[derive(Debug, Clone)]
pub(crate) struct Shared(Arc<Inner>);

impl Shared {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        Self(inner)
    }

    pub(super) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.0)
    }
}

impl Deref for Shared {
    type Target = Inner;

    #[inline]
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.0.is_forked() {
            std::mem::forget(Arc::clone(&self.0));
        }
    }
}
