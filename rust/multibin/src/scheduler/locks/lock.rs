//! A mutex that is taken with the list for the wakers that are collected under it.

use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;

use super::held::Held;
use super::wake_list::WakeList;
use crate::sync::{Mutex, MutexGuard};

const POISONED: &str = "a lock of the scheduler is poisoned by an earlier panic";

/// A mutex whose guard borrows a [`WakeList`].
#[derive(Debug, Default)]
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Takes the lock. A panic under it is a broken invariant: going on could lose or double a
    /// request.
    ///
    /// # Panics
    /// If a thread panicked while it held the lock.
    #[inline]
    pub(crate) fn lock<'a>(&'a self, wakes: &'a WakeList) -> Guard<'a, T> {
        let value = self.0.lock().expect(POISONED);
        Guard { value, wakes, _held: Held::new() }
    }

    /// Takes the lock of a value that is consistent at any moment, also after a panic.
    #[inline]
    pub(crate) fn lock_poisoned<'a>(&'a self, wakes: &'a WakeList) -> Guard<'a, T> {
        let value = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Guard { value, wakes, _held: Held::new() }
    }

    /// Returns true if a thread panicked while it held the lock. The model checker stops then.
    pub(crate) fn is_poisoned(&self) -> bool {
        #[cfg(not(loom))]
        return self.0.is_poisoned();
        #[cfg(loom)]
        false
    }
}

/// A [`Lock`] that is held. It borrows the list of wakers, which cannot be dropped meanwhile.
#[derive(Debug)]
pub(crate) struct Guard<'a, T> {
    value: MutexGuard<'a, T>,
    wakes: &'a WakeList,
    _held: Held,
}

impl<T> Guard<'_, T> {
    /// Returns the list in which wakers are collected.
    pub(crate) fn wakes(&self) -> &WakeList {
        self.wakes
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

#[cfg(all(test, debug_assertions, not(loom)))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_list_that_is_dropped_under_a_lock_is_noticed() {
        let lock = Lock::new(());
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let wakes = WakeList::new();
            let _guard = lock.lock(&wakes);
            drop(WakeList::new());
        }));
        assert!(ended.is_err());
    }
}
