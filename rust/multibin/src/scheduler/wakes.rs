//! The locks, and the wakers that are called once none of them is held.
//!
//! A waker may do anything: wait for a lock, such as Python's, whose holder waits for one of these
//! here, or call the scheduler. So no waker is called, or dropped, under a lock of this crate. The
//! types see to it: a [`Lock`] is entered with a [`WakeList`] that outlives the guard, wakers are
//! collected in that list, and they are called when it goes out of scope. Every public call makes
//! its list before it takes its first lock, and hands it on to what takes further ones; a list
//! that ends inside, under the lock of a caller, fails an assertion of debug builds.
//!
//! The order of locks: the adapter's before the forming lock; a batch's lease before the forming
//! lock. The lock of the line for room is held alone. The drainers' and the alarm's are taken under any other one, and none is taken under them.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::PoisonError;
use std::task::Waker;

use crate::sync::{Mutex, MutexGuard, thread_local};

const POISONED: &str = "a lock of the scheduler is poisoned by an earlier panic";

/// What is done with a waker once no lock is held.
#[derive(Debug)]
enum Call {
    Wake(Waker),
    Drop(Waker),
}

impl Call {
    fn make(self) {
        match self {
            Self::Wake(waker) => waker.wake(),
            Self::Drop(waker) => drop(waker),
        }
    }
}

/// Collects wakers under locks, and calls them when it goes out of scope.
#[derive(Debug, Default)]
pub(crate) struct WakeList(RefCell<Vec<Call>>);

impl WakeList {
    pub(crate) const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// Calls the waker later.
    pub(crate) fn wake(&self, waker: Waker) {
        self.0.borrow_mut().push(Call::Wake(waker));
    }

    /// Drops the waker later: what it does then is not known either.
    pub(crate) fn discard(&self, waker: Waker) {
        self.0.borrow_mut().push(Call::Drop(waker));
    }
}

impl WakeList {
    /// Calls the wakers now; returns what the first that panicked panicked with.
    #[inline]
    pub(crate) fn fire(mut self) -> Option<Payload> {
        self.call_all()
    }

    #[inline]
    fn call_all(&mut self) -> Option<Payload> {
        held::assert_none();
        let calls = self.0.get_mut();
        if calls.is_empty() { None } else { fire(std::mem::take(calls)) }
    }
}

impl Drop for WakeList {
    #[inline]
    fn drop(&mut self) {
        if let Some(panic) = self.call_all() {
            resume(panic);
        }
    }
}

/// What a thread panicked with.
pub(crate) type Payload = Box<dyn Any + Send>;

#[cold]
fn resume(panic: Payload) {
    if !std::thread::panicking() {
        resume_unwind(panic);
    }
}

/// Keeps the first panic of wakers that are called in the middle of something until that is done.
#[derive(Debug, Default)]
pub(crate) struct Panics(RefCell<Option<Payload>>);

impl Panics {
    #[inline]
    pub(crate) fn keep(&self, panic: Option<Payload>) {
        if let Some(panic) = panic {
            self.0.borrow_mut().get_or_insert(panic);
        }
    }
}

impl Drop for Panics {
    #[inline]
    fn drop(&mut self) {
        if let Some(panic) = self.0.get_mut().take() {
            resume(panic);
        }
    }
}

thread_local! {
    /// What is left to call while a list of this thread fires. Not `const`, which loom's does not know.
    #[allow(clippy::missing_const_for_thread_local)]
    static FIRING: RefCell<Option<VecDeque<Call>>> = RefCell::new(None);
}

/// Calls the wakers one after the other. Those that a waker collects when it calls a scheduler
/// itself are appended and called after it has returned, so that no chain of wakers grows the
/// stack. A waker that panics keeps none from the others; the first panic is returned.
#[cold]
fn fire(calls: Vec<Call>) -> Option<Payload> {
    let mut calls = Some(calls);
    let begun = FIRING.try_with(|firing| {
        let (firing, calls) = (&mut *firing.borrow_mut(), calls.take().into_iter().flatten());
        match firing {
            Some(queue) => queue.extend(calls),
            None => return firing.insert(calls.collect()).len(),
        }
        0
    });
    let mut panic = None;
    match begun {
        Ok(0) => return None,
        Ok(_) => {
            while let Some(call) = next() {
                guarded(call, &mut panic);
            }
        }
        // The thread ends and its variables are gone.
        Err(_) => calls.into_iter().flatten().for_each(|call| guarded(call, &mut panic)),
    }
    panic
}

/// The next call of those that are left; with the last one the firing is over.
fn next() -> Option<Call> {
    FIRING.with(|firing| {
        let mut firing = firing.borrow_mut();
        let call = firing.as_mut().and_then(VecDeque::pop_front);
        if call.is_none() {
            *firing = None;
        }
        call
    })
}

fn guarded(call: Call, first: &mut Option<Payload>) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| call.make())) {
        first.get_or_insert(panic);
    }
}

/// A mutex that is entered with a list for the wakers that are collected under it.
#[derive(Debug, Default)]
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// A panic under the lock is a broken invariant: going on could lose or double a request.
    ///
    /// # Panics
    /// If a thread panicked while it held the lock.
    #[inline]
    pub(crate) fn lock<'a>(&'a self, wakes: &'a WakeList) -> Guard<'a, T> {
        let value = self.0.lock().expect(POISONED);
        Guard { value, wakes, _held: held::Held::new() }
    }

    /// Whether a thread panicked while it held the lock. The model checker does not go on then.
    pub(crate) fn is_poisoned(&self) -> bool {
        #[cfg(not(loom))]
        return self.0.is_poisoned();
        #[cfg(loom)]
        false
    }

    /// As [`Lock::lock`] for what is whole at any moment, also after a panic.
    #[inline]
    pub(crate) fn lock_whole<'a>(&'a self, wakes: &'a WakeList) -> Guard<'a, T> {
        let value = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Guard { value, wakes, _held: held::Held::new() }
    }
}

/// A [`Lock`], held. It borrows the list of wakers, which therefore cannot fire meanwhile.
#[derive(Debug)]
pub(crate) struct Guard<'a, T> {
    value: MutexGuard<'a, T>,
    wakes: &'a WakeList,
    _held: held::Held,
}

impl<T> Guard<'_, T> {
    /// Where wakers are collected.
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

/// Counts the guards that a thread holds, in debug builds.
#[cfg(all(debug_assertions, not(loom)))]
mod held {
    use std::cell::Cell;

    thread_local! {
        static GUARDS: Cell<u32> = const { Cell::new(0) };
    }

    #[derive(Debug)]
    pub(super) struct Held;

    impl Held {
        pub(super) fn new() -> Self {
            GUARDS.with(|guards| guards.set(guards.get() + 1));
            Self
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            GUARDS.with(|guards| guards.set(guards.get() - 1));
        }
    }

    pub(super) fn assert_none() {
        let guards = GUARDS.with(Cell::get);
        assert!(guards == 0 || std::thread::panicking(), "wakers would be called under a lock");
    }
}

#[cfg(not(all(debug_assertions, not(loom))))]
mod held {
    #[derive(Debug)]
    pub(super) struct Held;

    impl Held {
        #[inline]
        pub(super) fn new() -> Self {
            Self
        }
    }

    #[inline]
    pub(super) fn assert_none() {}
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex as StdMutex};
    use std::task::Wake;

    use super::*;

    /// Notes its number when it is called, then does something.
    struct Noted<F>(usize, Arc<StdMutex<Vec<usize>>>, F);

    impl<F: Fn(usize) + Send + Sync + 'static> Wake for Noted<F> {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
            (self.2)(self.0);
        }
    }

    #[test]
    fn a_waker_that_panics_keeps_none_from_the_others() {
        let notes = Arc::new(StdMutex::new(Vec::new()));
        let fired = catch_unwind(AssertUnwindSafe(|| {
            let wakes = WakeList::new();
            for number in 0..4 {
                let panics = |number| assert_ne!(number % 2, 1, "number {number}");
                wakes.wake(Arc::new(Noted(number, Arc::clone(&notes), panics)).into());
            }
        }));
        let panic = fired.unwrap_err();
        assert!(panic.downcast_ref::<String>().unwrap().contains("number 1"));
        assert_eq!(*notes.lock().unwrap(), [0, 1, 2, 3]);
    }

    #[test]
    fn a_chain_of_wakers_does_not_nest() {
        static DEPTH: AtomicUsize = AtomicUsize::new(0);
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        struct Link;
        impl Wake for Link {
            fn wake(self: Arc<Self>) {
                assert_eq!(DEPTH.fetch_add(1, Ordering::Relaxed), 0);
                if CALLS.fetch_add(1, Ordering::Relaxed) < 100_000 {
                    WakeList::new().wake(self.into());
                }
                DEPTH.fetch_sub(1, Ordering::Relaxed);
            }
        }
        WakeList::new().wake(Arc::new(Link).into());
        assert_eq!(CALLS.load(Ordering::Relaxed), 100_001);
    }

    #[cfg(debug_assertions)]
    #[test]
    fn a_list_that_ends_under_a_lock_is_noticed() {
        let lock = Lock::new(());
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let wakes = WakeList::new();
            let _guard = lock.lock(&wakes);
            drop(WakeList::new());
        }));
        assert!(ended.is_err());
    }
}
