//! The timer thread: it wakes what cannot time itself.
//!
//! These are futures, whose executor need not have a timer, and the waiters behind one that was
//! woken and does not come. A scheduler starts the thread when a deadline is set for the first
//! time. It sleeps until the earliest deadline and then calls [`Tick::tick`], which looks at every
//! list of waiters and sets the next deadline. While nothing is due the thread sleeps. It keeps no
//! scheduler alive. Where no thread can be started, the next deadline tries again; until then
//! futures must be polled to notice their deadlines.
//!
//! Its lock is the last one in the order of locks (Locking in `locks.rs`). The deadline of a list's
//! entry is set under the lock of that list. The thread forgets the deadline that was set, and then
//! takes that lock. So it sees the entry, or the entry's deadline is set after the forgetting.

#[cfg(not(loom))]
pub(crate) use self::thread::TimerThread;
#[cfg(loom)]
pub(crate) use self::unset::TimerThread;

/// What the timer thread calls.
pub(crate) trait Tick: Send + Sync {
    /// Wakes the waiters whose deadline has passed by `now`, and sets the next deadline.
    #[cfg_attr(all(loom, not(test)), expect(dead_code, reason = "only tests tick"))]
    fn tick(&self, now: u64);
}

#[cfg(not(loom))]
mod thread {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::{PoisonError, Weak};
    use std::thread::Builder;

    use super::super::super::clock::Clock;
    use super::Tick;
    use crate::sync::{Arc, AtomicU64, Condvar, Mutex, MutexGuard, Ordering};

    /// No deadline is set.
    const NEVER: u64 = u64::MAX;

    /// A handle of the thread, through which waiters set their deadlines.
    #[derive(Debug, Clone)]
    pub(crate) struct TimerThread(Arc<Timer>);

    #[derive(Debug)]
    struct Timer {
        clock: Clock,
        scheduler: Weak<dyn Tick>,
        /// When the thread wakes up. Changed under the lock.
        next: AtomicU64,
        phase: Mutex<Phase>,
        changed: Condvar,
    }

    #[derive(Debug, PartialEq, Eq)]
    enum Phase {
        NotStarted,
        Running,
        /// The scheduler is gone, or its clock is a test's.
        Stopped,
    }

    impl TimerThread {
        /// Makes a handle; the thread is started later. A test that moves the clock also ticks.
        pub(crate) fn new(clock: Clock, scheduler: Weak<dyn Tick>) -> Self {
            let phase = if clock.is_virtual() { Phase::Stopped } else { Phase::NotStarted };
            let (phase, changed) = (Mutex::new(phase), Condvar::new());
            let next = AtomicU64::new(NEVER);
            Self(Arc::new(Timer { clock, scheduler, next, phase, changed }))
        }

        /// Ticks at `time` at the latest. The caller holds the lock of the list that `time` is in.
        #[inline]
        pub(crate) fn tick_by(&self, time: u64) {
            // Relaxed: the thread writes it before it takes the lock that the caller holds.
            if time < self.0.next.load(Ordering::Relaxed) {
                self.tick_earlier(time);
            }
        }

        #[cold]
        fn tick_earlier(&self, time: u64) {
            let mut phase = self.0.lock();
            if *phase == Phase::NotStarted && self.start() {
                *phase = Phase::Running;
            }
            if *phase == Phase::Running && time < self.0.next.load(Ordering::Relaxed) {
                self.0.next.store(time, Ordering::Relaxed);
                self.0.changed.notify_one();
            }
        }

        fn start(&self) -> bool {
            let timer = Arc::clone(&self.0);
            let builder = Builder::new().name("multibin-timer".to_owned());
            builder.spawn(move || timer.run()).is_ok()
        }

        /// Ends the thread: the scheduler is gone.
        pub(crate) fn stop(&self) {
            *self.0.lock() = Phase::Stopped;
            self.0.changed.notify_one();
        }
    }

    impl Timer {
        fn lock(&self) -> MutexGuard<'_, Phase> {
            // Nothing panics under it.
            self.phase.lock().unwrap_or_else(PoisonError::into_inner)
        }

        fn run(&self) {
            while self.sleep() {
                let Some(scheduler) = self.scheduler.upgrade() else { return };
                // The panic of a waker was printed, and the other wakers were called.
                let _ = catch_unwind(AssertUnwindSafe(|| scheduler.tick(self.clock.now())));
            }
        }

        /// Sleeps until the deadline that is set, and forgets it. Returns false if the scheduler is
        /// gone.
        fn sleep(&self) -> bool {
            let mut phase = self.lock();
            while *phase == Phase::Running {
                let next = self.next.load(Ordering::Relaxed);
                let left = self.clock.until(next);
                if left.is_zero() {
                    self.next.store(NEVER, Ordering::Relaxed);
                    return true;
                }
                let changed = &self.changed;
                phase = if next == NEVER {
                    changed.wait(phase).unwrap_or_else(PoisonError::into_inner)
                } else {
                    changed.wait_timeout(phase, left).unwrap_or_else(PoisonError::into_inner).0
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

    use super::super::super::clock::Clock;
    use super::Tick;

    #[derive(Debug, Clone)]
    pub(crate) struct TimerThread;

    impl TimerThread {
        pub(crate) fn new(_: Clock, _: Weak<dyn Tick>) -> Self {
            Self
        }

        pub(crate) fn tick_by(&self, _: u64) {}

        pub(crate) fn stop(&self) {}
    }
}
