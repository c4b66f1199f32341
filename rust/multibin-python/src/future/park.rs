//! Threads that wait for a future, without the GIL.

use std::thread;
use std::time::{Duration, Instant};

use super::class::Future;
use super::state::Phase;

impl Future {
    /// Waits until the phase is as asked, or `longest`; returns true if it is.
    pub fn park(&self, longest: Duration, is_met: impl Fn(&Phase) -> bool) -> bool {
        let mut state = self.lock();
        if is_met(&state.phase) {
            return true;
        }
        state.rare().parked.push(thread::current());
        drop(state);
        let end = Instant::now().checked_add(longest);
        while !is_met(&self.lock().phase) {
            let left =
                end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            thread::park_timeout(left);
        }
        self.leave(&is_met)
    }

    /// Takes this thread off the list of those that wait.
    fn leave(&self, is_met: impl Fn(&Phase) -> bool) -> bool {
        let (mut state, this) = (self.lock(), thread::current().id());
        let parked = &mut state.rare().parked;
        if let Some(at) = parked.iter().position(|thread| thread.id() == this) {
            parked.swap_remove(at);
        }
        is_met(&state.phase)
    }
}
