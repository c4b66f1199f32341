//! Collects wakers under locks and calls them once no lock is held; see Locking in `locks.rs`.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Waker;

use super::held;
use crate::sync::thread_local;

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

/// Collects wakers under locks, and calls them when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct WakeList(RefCell<Vec<Call>>);

impl WakeList {
    pub(crate) const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// Collects a waker to call.
    pub(crate) fn wake(&self, waker: Waker) {
        self.0.borrow_mut().push(Call::Wake(waker));
    }

    /// Collects a waker to drop, which may run foreign code too.
    pub(crate) fn discard(&self, waker: Waker) {
        self.0.borrow_mut().push(Call::Drop(waker));
    }

    /// Calls the wakers now. Returns the payload of the first panic.
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

/// The payload of a panic.
pub(crate) type Payload = Box<dyn Any + Send>;

#[cold]
fn resume(panic: Payload) {
    if !std::thread::panicking() {
        resume_unwind(panic);
    }
}

/// Keeps the first panic of wakers that are called in the middle of a call, until the call is done.
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
    /// The calls that are left while a list of this thread fires. Not `const`: loom's macro has no
    /// such form.
    #[allow(clippy::missing_const_for_thread_local)]
    static FIRING: RefCell<Option<VecDeque<Call>>> = RefCell::new(None);
}

/// Calls the wakers one after the other, also after one has panicked. Returns the payload of the
/// first panic.
///
/// A waker may call a scheduler, which collects further wakers. These are appended and called after
/// the first one has returned, so that no chain of wakers grows the stack.
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

/// Returns the next call that is left; ends the firing if there is none.
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

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex as StdMutex};
    use std::task::Wake;

    use super::*;

    /// Notes its number when it is called, then calls the function with it.
    struct Noted<F>(usize, Arc<StdMutex<Vec<usize>>>, F);

    impl<F: Fn(usize) + Send + Sync + 'static> Wake for Noted<F> {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
            (self.2)(self.0);
        }
    }

    #[test]
    fn a_panic_of_a_waker_does_not_stop_the_others() {
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
}
