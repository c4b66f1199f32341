//! Atomics, locks and cells: of `std`, or of loom, which checks the code that ships.

#[cfg(loom)]
pub(crate) use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
    sync::{Arc, Mutex, MutexGuard},
    thread_local,
};

#[cfg(not(loom))]
pub(crate) use std::{
    sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread_local,
};

#[cfg(not(loom))]
pub(crate) use cell::UnsafeCell;
#[cfg(not(loom))]
pub(crate) use std::thread;

/// Replaces what needs time: the model checker has none.
#[cfg(loom)]
pub(crate) mod thread {
    pub(crate) use loom::thread::{Thread, current, park, yield_now};

    pub(crate) fn park_timeout(_: std::time::Duration) {
        yield_now();
    }
}

/// Orders a `SeqCst` write before the `SeqCst` reads that follow it, under loom. loom treats such
/// accesses as acquire and release, and knows a single total order of fences alone. Shipped code
/// needs no fence: both sides of a Dekker protocol write and read with `SeqCst`, which C++20
/// orders.
#[inline]
pub(crate) fn order_for_loom() {
    #[cfg(loom)]
    fence(Ordering::SeqCst);
}

#[cfg(not(loom))]
mod cell {
    /// The cell of `std` with loom's interface, which brackets every access for the checker.
    #[derive(Debug)]
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        #[inline]
        pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
            read(self.0.get())
        }

        #[inline]
        pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
            write(self.0.get())
        }
    }
}
