//! Who wakes whom: the bell that producers look at, and the wake-up that is passed on.
//!
//! A producer looks at the bell before it publishes. Who arms the bell and finds a position that is
//! claimed and not published does not know whether its producer looked too early, and sees to it that
//! somebody looks again: one sleeper has an alarm for it.

use std::hint::spin_loop;

use super::sleepers::Locked;
use super::wakes::WakeList;
use super::{Inner, State};
use crate::config::Fill;

/// How often a stalled producer's slot is read before somebody sleeps beside it: some microseconds.
/// Under loom the producer stalls for longer.
const SPINS: u32 = if cfg!(loom) { 0 } else { 100 };
/// Nanoseconds after which a sleeper looks again for a producer that stalled.
pub(super) const GLANCE: u64 = 50_000;

/// What the rings hold once the bell is armed.
enum Rings {
    /// Entries came.
    Moved,
    /// Nothing: whoever claims a position from now on finds the bell armed.
    Empty,
    /// Nothing, and a producer that may have looked at the bell before has not published.
    Stalled,
}

impl State {
    /// Moves what was claimed so far from the rings to the former.
    fn look(&mut self) -> Rings {
        let (mut came, mut stalled) = (0, None);
        for bin in 0..self.drains.len() {
            let (moved, left) = self.drain_one(bin);
            came += moved;
            stalled = if left { Some(bin) } else { stalled };
        }
        match stalled {
            _ if came > 0 => Rings::Moved,
            None => Rings::Empty,
            Some(bin) if self.is_published_soon(bin) => Rings::Moved,
            Some(_) => Rings::Stalled,
        }
    }

    fn is_published_soon(&mut self, bin: usize) -> bool {
        (0..SPINS).any(|_| {
            spin_loop();
            self.drain_one(bin).0 > 0
        })
    }

    /// Up to which position of its ring an entry of `bin` makes no batch possible.
    fn quiet(&self, bin: usize) -> u64 {
        let depth = self.former.depth(bin);
        if self.config.max_wait.is_some() && depth == 0 {
            return 0;
        }
        if self.config.budget.is_some() {
            return 0;
        }
        let short = self.former.full(bin).rows.saturating_sub(depth + 1);
        self.drains[bin].head() + u64::from(short)
    }
}

impl Inner {
    /// Before the lock is left after something changed: if somebody sleeps, wakes one whom a batch
    /// or an alarm waits for, else arms the bell again. So a batch that became possible wakes one.
    /// Beside a stalled producer it wakes one who sets itself an alarm, unless somebody has.
    pub(super) fn pass_on(&self, state: &mut Locked<'_>, now: u64) {
        if state.sleepers.is_empty() {
            return;
        }
        if self.admission.is_closed() {
            state.wake_all(|_| true);
            return;
        }
        if self.wake_or_arm(state, now) {
            state.wake_first();
            self.bell.disarm();
        }
    }

    /// Wakes one sleeper who is needed, who passes the wake-up on, or arms the bell. True: nobody is
    /// woken, a producer stalled, and no sleeper's alarm lets it look again soon.
    #[must_use]
    pub(super) fn wake_or_arm(&self, state: &mut Locked<'_>, now: u64) -> bool {
        let closed = self.admission.is_closed();
        loop {
            if state.wake_needed(now, closed) {
                self.bell.disarm();
                return false;
            }
            self.arm(state);
            match state.look() {
                Rings::Moved => {}
                Rings::Empty => return false,
                Rings::Stalled => return !state.sleepers.wakes_by(now.saturating_add(GLANCE)),
            }
        }
    }

    /// After an entry for which the bell rang.
    #[cold]
    pub(super) fn wake_one(&self) {
        // Under the lock nobody is between arming the bell and falling asleep.
        let wakes = WakeList::new();
        let mut state = self.lock(&wakes);
        state.drain_marked(&self.bell);
        self.pass_on(&mut state, self.now());
    }

    fn arm(&self, state: &State) {
        let any_entry = self.any_entry_counts(state);
        self.bell.arm(|bin| if any_entry { 0 } else { state.quiet(bin) });
    }

    /// Whether every entry may make a batch possible, be its bin full or not.
    fn any_entry_counts(&self, state: &State) -> bool {
        state.config.fill == Fill::Elastic
            || state.former.has_climbers()
            || self.admission.is_closed()
    }
}
