//! Who wakes whom: the bell that producers look at, and the wake-up that is passed on.
//!
//! A producer looks at the bell before it publishes. Who arms the bell and finds a position that is
//! claimed and not published does not know whether its producer looked too early, and sees to it that
//! somebody looks again: one sleeper has an alarm for it.

use std::hint::spin_loop;

use super::notifier::Notifier;
use super::sleepers::Locked;
use super::wakes::WakeList;
use super::{Inner, State};
use crate::config::Fill;

/// How often a stalled producer's slot is read before somebody sleeps beside it: some microseconds.
/// Under loom the producer stalls for longer.
const SPINS: u32 = if cfg!(loom) { 0 } else { 100 };
/// Nanoseconds after which a sleeper looks again for a producer that stalled.
pub(super) const GLANCE: u64 = 50_000;

/// What the rings held once the bell was armed. A producer that claims a position from then on finds it
/// armed, so one look is enough, however fast entries come.
struct Rings {
    /// Entries came.
    moved: bool,
    /// A producer that may have looked at the bell before has not published.
    stalled: bool,
}

impl State {
    /// Moves what was claimed so far from the rings to the former. Looks at marked rings alone.
    fn look(&mut self, notifier: &Notifier) -> Rings {
        let (before, mut stalled, mut others) = (self.drained, None, false);
        notifier.marked(|bin| {
            let (_, left) = self.drain_one(bin);
            if left {
                others |= stalled.replace(bin).is_some();
            }
            left
        });
        let stalled = stalled.is_some_and(|bin| others || !self.is_published_soon(bin));
        Rings { moved: self.drained > before, stalled }
    }

    /// Returns true if all that is claimed of a ring now is published within some microseconds.
    fn is_published_soon(&mut self, bin: usize) -> bool {
        let claimed = self.drains[bin].ring().tail();
        (0..SPINS).any(|_| {
            spin_loop();
            self.drain_one(bin);
            self.drains[bin].head() >= claimed
        })
    }

    /// Returns up to which position of its ring an entry of `bin` completes no batch: with those that
    /// all may take, and with the most climbers that wait for one worker.
    fn quiet(&self, bin: usize) -> u64 {
        self.drains[bin].head() + u64::from(self.former.short_of(bin))
    }

    /// Returns true if what came since the bell was last armed may be a reason to wake a sleeper.
    fn arrivals_matter(&self) -> bool {
        self.config.fill == Fill::Elastic
            || self.former.changed().any(|bin| self.former.may_complete(bin))
            || self.is_late()
    }
}

impl Inner {
    /// Before the lock is left after something changed: if a worker sleeps, wakes one that a batch
    /// or an alarm waits for, else arms the bell again. So a batch that became possible wakes one.
    /// Beside a stalled producer it wakes one that sets itself an alarm, unless one has.
    pub(super) fn pass_on(&self, state: &mut Locked<'_>, now: u64) {
        self.pass_on_if(state, now, true);
    }

    /// Does what [`Inner::pass_on`] does; without `changed` nothing but arrivals came to pass since
    /// the bell was armed, or since a sleeper was woken.
    fn pass_on_if(&self, state: &mut Locked<'_>, now: u64, changed: bool) {
        if state.sleepers.is_empty() {
            return;
        }
        if self.admission.is_closed() {
            state.wake_all(|_| true);
            return;
        }
        if self.wake_or_arm(state, now, changed) {
            state.wake_first(now);
            self.notifier.disarm();
        }
    }

    /// Wakes one sleeper that is needed, which passes the wake-up on, or arms the notifier. `changed`:
    /// more than arrivals came to pass since. Returns true if none is woken, a producer stalled, and
    /// no sleeper's alarm lets it look again soon.
    #[must_use]
    pub(super) fn wake_or_arm(&self, state: &mut Locked<'_>, now: u64, changed: bool) -> bool {
        let closed = self.admission.is_closed();
        let wakes = |state: &mut Locked<'_>, asks: bool| {
            (asks || closed || state.arrivals_matter()) && state.wake_needed(now, closed)
        };
        if !wakes(state, changed) {
            self.arm(state, closed);
            let rings = state.look(&self.notifier);
            // What came leaves the positions where they are up to which entries make no batch.
            if !rings.moved || !wakes(state, false) {
                return rings.stalled && !state.sleepers.wakes_by(now.saturating_add(GLANCE));
            }
        }
        self.notifier.disarm();
        false
    }

    /// After an entry for which the bell rang. Costs what the marked bins hold.
    #[cold]
    pub(super) fn wake_one(&self, wakes: &WakeList) {
        self.wake(false, wakes);
    }

    /// After a sleeper was woken that does not ask.
    pub(super) fn wake_another(&self) {
        self.wake(true, &WakeList::new());
    }

    fn wake(&self, changed: bool, wakes: &WakeList) {
        // Under the lock no worker is between arming the bell and falling asleep.
        let mut state = self.lock(wakes);
        state.drain_marked(&self.notifier);
        self.pass_on_if(&mut state, self.now(), changed);
    }

    /// Elastic scheduling and a closed scheduler let every entry ring.
    fn arm(&self, state: &mut State, closed: bool) {
        let any = closed || state.config.fill == Fill::Elastic;
        while !any && let Some(bin) = state.former.next_changed() {
            self.notifier.set_quiet(bin, state.quiet(bin));
        }
        self.notifier.arm(any, state.sleepers.first_alarm());
    }
}
