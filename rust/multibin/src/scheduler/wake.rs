//! Who wakes whom: the bell that producers look at, and the wake-up that is passed on.

use super::sleepers::Locked;
use super::{Inner, State};
use crate::config::Fill;

impl State {
    /// Whether a position of some ring is claimed and not taken.
    fn on_the_way(&self) -> bool {
        self.drains.iter().any(|drain| drain.ring().tail() != drain.head())
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
    pub(super) fn pass_on(&self, state: &mut Locked<'_>, now: u64) {
        if state.sleepers.is_empty() {
            return;
        }
        if self.admission.is_closed() {
            state.wake_all(|_| true);
            return;
        }
        self.wake_or_arm(state, now);
    }

    /// Wakes one sleeper who is needed, who passes the wake-up on, or arms the bell.
    pub(super) fn wake_or_arm(&self, state: &mut Locked<'_>, now: u64) {
        let closed = self.admission.is_closed();
        loop {
            if state.wake_needed(now, closed) {
                self.bell.disarm();
                return;
            }
            if self.arm_and_look(state) == 0 {
                return;
            }
        }
    }

    /// After an entry for which the bell rang.
    #[cold]
    pub(super) fn wake_one(&self) {
        // Under the lock nobody is between arming the bell and falling asleep.
        let mut state = self.lock();
        state.drain();
        self.pass_on(&mut state, self.now());
    }

    /// Arms the bell, then looks at the rings: how many entries came meanwhile. If none did,
    /// whoever publishes from now on and makes a batch possible finds the bell armed.
    fn arm_and_look(&self, state: &mut State) -> u64 {
        self.arm(state, self.any_entry_counts(state));
        let moved = state.drain();
        if moved > 0 || !state.on_the_way() {
            return moved;
        }
        // Somebody claimed a position before the bell was armed and has not published: positions
        // no longer tell whose entry completes a batch.
        self.arm(state, true);
        state.drain()
    }

    fn arm(&self, state: &State, any_entry: bool) {
        self.bell.arm(|bin| if any_entry { 0 } else { state.quiet(bin) });
    }

    /// Whether every entry may make a batch possible, be its bin full or not.
    fn any_entry_counts(&self, state: &State) -> bool {
        state.config.fill == Fill::Elastic
            || state.former.has_climbers()
            || self.admission.is_closed()
    }
}
