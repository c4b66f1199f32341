//! A thread that waits: it parks between polls and times itself.

use std::sync::Arc;
use std::task::{Wake, Waker};

use super::super::clock::Clock;
use crate::sync::thread::{self, Thread};

/// What polls a waiter again at its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimedBy {
    /// The waiter: a thread that parks until then.
    Itself,
    /// The timer thread of the scheduler: the waiter is a future.
    TimerThread,
}

/// Wakes a thread that parks.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls until a poll returns a value, and parks in between. The first poll gets no waker, so that
/// a call that need not wait makes none. A poll that returns an error has stored the waker, and
/// returns the time until which the thread may park.
pub(crate) fn block_on<T>(
    clock: &Clock,
    mut poll: impl FnMut(Option<(Waker, TimedBy)>) -> Result<T, u64>,
) -> T {
    if let Ok(value) = poll(None) {
        return value;
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match poll(Some((waker.clone(), TimedBy::Itself))) {
            Ok(value) => return value,
            Err(until) => park(clock, until),
        }
    }
}

/// Parks until `until` or a wake-up; may return early.
fn park(clock: &Clock, until: u64) {
    if until == u64::MAX {
        thread::park();
    } else {
        thread::park_timeout(clock.until(until));
    }
}
