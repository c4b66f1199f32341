//! A cell that only attached threads touch, so that the GIL guards it.

use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use pyo3::prelude::*;

#[cfg(Py_GIL_DISABLED)]
compile_error!("the cells of futures need the GIL");

/// A value that only attached threads touch. A lock would cost several times as much as the rest of
/// a short call.
pub struct AttachedCell<T> {
    value: UnsafeCell<T>,
    /// True while a guard lives.
    used: Cell<bool>,
}

// SAFETY: threads touch both fields only with a token that proves that they hold the GIL, or in a
// traversal, which runs with the GIL. A guard that outlives the GIL leaves `used` set, so that
// other threads panic instead of touching the value.
unsafe impl<T: Send> Sync for AttachedCell<T> {}

impl<T> AttachedCell<T> {
    pub fn new(value: T) -> Self {
        Self { value: UnsafeCell::new(value), used: Cell::new(false) }
    }

    /// Returns the value, to be used without running Python code.
    ///
    /// # Panics
    /// While another guard lives.
    #[inline]
    pub fn lock<'a>(&'a self, _: Python<'a>) -> Guard<'a, T> {
        assert!(!self.used.replace(true), "Python code ran while a cell was in use");
        Guard { cell: self, attached: PhantomData }
    }

    /// Replaces the value.
    pub fn replace(&self, py: Python<'_>, value: T) -> T {
        std::mem::replace(&mut *self.lock(py), value)
    }

    /// Shows the value to the garbage collector; shows nothing while a guard lives.
    pub fn traverse<E>(&self, visit: impl FnOnce(&T) -> Result<(), E>) -> Result<(), E> {
        if self.used.get() {
            return Ok(());
        }
        // SAFETY: the collector runs with the GIL, no guard lives, and `visit` runs no Python code.
        visit(unsafe { &*self.value.get() })
    }

    /// Takes the value while the garbage collector clears the object.
    pub fn clear(&self) -> T
    where
        T: Default,
    {
        self.put(T::default())
    }

    /// Replaces the value while the garbage collector clears the object.
    pub fn put(&self, value: T) -> T {
        assert!(!self.used.get(), "a cell was cleared while it was in use");
        // SAFETY: the collector runs with the GIL, and no guard lives.
        std::mem::replace(unsafe { &mut *self.value.get() }, value)
    }
}

/// The value of a cell, until it is dropped.
pub struct Guard<'a, T> {
    cell: &'a AttachedCell<T>,
    /// It must stay in the thread that holds the GIL.
    attached: PhantomData<Python<'a>>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this is the only guard, in a thread that holds the GIL.
        unsafe { &*self.cell.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this is the only guard, in a thread that holds the GIL.
        unsafe { &mut *self.cell.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.cell.used.set(false);
    }
}
