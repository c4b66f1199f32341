//! The thread that wakes those who cannot time themselves: futures, whose executor need not have a timer, and the
//! sleepers behind one that was woken and does not come.
//!
//! A scheduler starts it when an alarm is set for the first time. It sleeps until the earliest time that is set, then
//! looks at every list of waiters ([`Inner::tick`]) and sets the next time itself: while nothing is due it does
//! nothing, and it keeps no scheduler alive. Where no thread can be started, futures must be polled to
//! notice that their time is over, and the next alarm tries again.
//!
//! Its lock is taken under any other one, and it takes none while it holds it. Who sets an alarm for
//! an entry of a list does so under the lock of that list; the thread forgets the time that was set, and then takes
//! that lock: it sees the entry, or the entry's alarm comes after the forgetting and is set.

use std::task::Waker;

use super::Inner;
use super::wakes::{Lock, WakeList};

impl Inner {
    /// Wakes whose time has come by `now`, and sets the alarm for the next.
    #[cfg_attr(all(loom, not(test)), expect(dead_code, reason = "only tests tick"))]
    pub(super) fn tick(&self, now: u64) {
        let wakes = WakeList::new();
        self.tick_sleepers(now, &wakes);
        self.tick_drainers(now, &wakes);
        self.tick_room(&wakes);
        self.again.wake(&wakes);
    }
}

/// Wakers that failed and are called again by the thread.
#[derive(Debug)]
pub(super) struct Again(Lock<(Vec<Waker>, Alarm)>);

impl Again {
    pub(super) fn new(alarm: Alarm) -> Self {
        Self(Lock::new((Vec::new(), alarm)))
    }

    pub(super) fn push(&self, waker: Waker) {
        let wakes = WakeList::new();
        let mut list = self.0.lock(&wakes);
        list.0.push(waker);
        list.1.set(0);
    }

    fn wake(&self, wakes: &WakeList) {
        for waker in std::mem::take(&mut self.0.lock(wakes).0) {
            wakes.wake(waker);
        }
    }
}

#[cfg(not(loom))]
pub(super) use thread::Alarm;
#[cfg(loom)]
pub(super) use unset::Alarm;

#[cfg(not(loom))]
mod thread {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::{PoisonError, Weak};
    use std::thread::Builder;

    use super::super::Inner;
    use super::super::clock::Clock;
    use crate::sync::{Arc, AtomicU64, Condvar, Mutex, MutexGuard, Ordering};

    /// No time is set.
    const NEVER: u64 = u64::MAX;

    /// Where waiters set their alarms.
    #[derive(Debug, Clone)]
    pub(in super::super) struct Alarm {
        bed: Arc<Bed>,
        scheduler: Weak<Inner>,
    }

    /// Where the thread sleeps.
    #[derive(Debug)]
    struct Bed {
        clock: Clock,
        /// When it wakes up. Changed under the lock.
        next: AtomicU64,
        thread: Mutex<Thread>,
        changed: Condvar,
    }

    #[derive(Debug, PartialEq, Eq)]
    enum Thread {
        None,
        Runs,
        /// The scheduler is gone.
        Over,
    }

    impl Alarm {
        pub(in super::super) fn new(clock: Clock, scheduler: &Weak<Inner>) -> Self {
            // A test that moves the clock also ticks.
            let thread = if clock.is_virtual() { Thread::Over } else { Thread::None };
            let (thread, changed) = (Mutex::new(thread), Condvar::new());
            let bed = Arc::new(Bed { clock, next: AtomicU64::new(NEVER), thread, changed });
            Self { bed, scheduler: Weak::clone(scheduler) }
        }

        /// Ticks at `time` at the latest. The caller holds the lock of the list that `time` is in.
        #[inline]
        pub(in super::super) fn set(&self, time: u64) {
            // Relaxed: the thread writes it before it takes the lock that the caller holds.
            if time < self.bed.next.load(Ordering::Relaxed) {
                self.set_earlier(time);
            }
        }

        #[cold]
        fn set_earlier(&self, time: u64) {
            let mut thread = self.bed.lock();
            if *thread == Thread::None && self.start() {
                *thread = Thread::Runs;
            }
            if *thread == Thread::Runs && time < self.bed.next.load(Ordering::Relaxed) {
                self.bed.next.store(time, Ordering::Relaxed);
                self.bed.changed.notify_one();
            }
        }

        fn start(&self) -> bool {
            let Self { bed, scheduler } = self.clone();
            let builder = Builder::new().name("multibin-alarm".to_owned());
            builder.spawn(move || bed.run(&scheduler)).is_ok()
        }

        /// The scheduler is gone: the thread ends.
        pub(in super::super) fn end(&self) {
            *self.bed.lock() = Thread::Over;
            self.bed.changed.notify_one();
        }
    }

    impl Bed {
        fn lock(&self) -> MutexGuard<'_, Thread> {
            // Nothing panics under it.
            self.thread.lock().unwrap_or_else(PoisonError::into_inner)
        }

        fn run(&self, scheduler: &Weak<Inner>) {
            while self.sleep() {
                let Some(scheduler) = scheduler.upgrade() else { return };
                // A waker that panics has said so, and the others have been called.
                let _ = catch_unwind(AssertUnwindSafe(|| scheduler.tick(scheduler.now())));
            }
        }

        /// Sleeps until the time that is set, and forgets it; false: the scheduler is gone.
        fn sleep(&self) -> bool {
            let mut thread = self.lock();
            while *thread == Thread::Runs {
                let next = self.next.load(Ordering::Relaxed);
                let left = self.clock.until(next);
                if left.is_zero() {
                    self.next.store(NEVER, Ordering::Relaxed);
                    return true;
                }
                let changed = &self.changed;
                thread = if next == NEVER {
                    changed.wait(thread).unwrap_or_else(PoisonError::into_inner)
                } else {
                    changed.wait_timeout(thread, left).unwrap_or_else(PoisonError::into_inner).0
                };
            }
            false
        }
    }
}

/// The model checker has no time: its tests tick.
#[cfg(loom)]
mod unset {
    use std::sync::Weak;

    use super::super::Inner;
    use super::super::clock::Clock;

    #[derive(Debug, Clone)]
    pub(in super::super) struct Alarm;

    impl Alarm {
        pub(in super::super) fn new(_: Clock, _: &Weak<Inner>) -> Self {
            Self
        }

        pub(in super::super) fn set(&self, _: u64) {}

        pub(in super::super) fn end(&self) {}
    }
}
