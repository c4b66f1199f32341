//! Counts the guards that a thread holds, in debug builds.

pub(super) use self::count::{Held, assert_none};

#[cfg(all(debug_assertions, not(loom)))]
mod count {
    use std::cell::Cell;

    thread_local! {
        static GUARDS: Cell<u32> = const { Cell::new(0) };
    }

    /// A part of each guard.
    #[derive(Debug)]
    pub(crate) struct Held;

    impl Held {
        pub(crate) fn new() -> Self {
            GUARDS.with(|guards| guards.set(guards.get() + 1));
            Self
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            GUARDS.with(|guards| guards.set(guards.get() - 1));
        }
    }

    pub(crate) fn assert_none() {
        let guards = GUARDS.with(Cell::get);
        assert!(guards == 0 || std::thread::panicking(), "wakers would be called under a lock");
    }
}

#[cfg(not(all(debug_assertions, not(loom))))]
mod count {
    #[derive(Debug)]
    pub(crate) struct Held;

    impl Held {
        #[inline]
        pub(crate) fn new() -> Self {
            Self
        }
    }

    #[inline]
    pub(crate) fn assert_none() {}
}
