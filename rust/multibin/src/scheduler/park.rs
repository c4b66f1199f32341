//! A thread that waits: it parks between polls and times itself.

use std::sync::Arc;
use std::task::{Wake, Waker};

use super::clock::Clock;
use crate::sync::thread::{self, Thread};

/// Who sees to it that a waiter is polled again when its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// The thread that parks.
    Own,
    /// The scheduler's alarm: a future has none.
    Alarm,
}

/// Wakes a thread that parks.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls until a poll returns a value: first without a waker, which who need not wait does not pay
/// for. A poll with one that returns an error has left the waker where it is called, and says until
/// when the thread may sleep.
pub(super) fn block_on<T>(
    clock: &Clock,
    mut poll: impl FnMut(Option<(Waker, Timer)>) -> Result<T, u64>,
) -> T {
    if let Ok(value) = poll(None) {
        return value;
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match poll(Some((waker.clone(), Timer::Own))) {
            Ok(value) => return value,
            Err(until) => park(clock, until),
        }
    }
}

/// May return early.
fn park(clock: &Clock, until: u64) {
    if until == u64::MAX {
        thread::park();
    } else {
        thread::park_timeout(clock.until(until));
    }
}
