//! What producers tell workers without asking for the lock: where something comes, and that a
//! sleeper must wake.
//!
//! Dekker's protocol, twice. A producer claims a position, then looks at its bin's mark (and sets it
//! if it is not set), then at the notifier, and then publishes. All of this is `SeqCst`, so that there
//! is no fence between publishing and looking.
//!
//! - *A drain* takes marks away and then reads the [`tail`](super::ring::Ring::tail) of their rings.
//!   A producer that looked at the mark before it was taken has claimed before, so the drain sees the
//!   claim: it takes the entry, or, if it is not published, leaves the mark. A producer that looks
//!   afterwards sets the mark again.
//! - *A sleeper* arms the bell and then drains, of the marked rings alone. Take a producer that finds
//!   the bell as it was before: it looked at the notifier, and before that at its mark, before the bell
//!   was armed. So its mark is set when the sleeper reads the marks, unless another drain took it
//!   in between; that drain saw the claim, and if the claim was not published it left the mark.
//!   Drains and sleepers follow one another under the forming lock. So the sleeper sees the claim, or
//!   the producer sees the armed notifier.
//!
//! What a bin's entries may complete is stored when it changes, before the bell is armed. A producer
//! that reads it later than the bell reads what came with that notifier, or with a later one; the
//! worker that armed the later one saw the claim. The same holds for the alarm.

use crate::sync::{AtomicU32, AtomicU64, Ordering, order_for_loom};

/// No position is after it: no entry wakes a sleeper.
pub(crate) const NEVER: u64 = u64::MAX;

/// The states of an armed notifier.
const BY_BIN: u32 = 1;
const ANY: u32 = 2;

/// One bell for all workers: a producer that finds it armed disarms it and wakes one.
#[derive(Debug)]
pub(crate) struct Notifier {
    /// While a worker sleeps and none has been woken for it: [`BY_BIN`], or [`ANY`] if every entry
    /// rings; else 0.
    armed: AtomicU32,
    /// By bin the ring position up to which an entry makes no batch.
    quiet: Box<[AtomicU64]>,
    /// The earliest alarm that a sleeper has set itself; `u64::MAX`: none.
    alarm: AtomicU64,
    /// A bit per bin whose ring may hold something, so that a drain need not look at all.
    marks: Box<[AtomicU64]>,
}

impl Notifier {
    pub(crate) fn new(bins: usize) -> Self {
        let quiet = (0..bins).map(|_| AtomicU64::new(0)).collect();
        let marks = (0..bins.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Self { armed: AtomicU32::new(0), quiet, alarm: AtomicU64::new(u64::MAX), marks }
    }

    /// Sees to the mark of `bin`, whose positions a producer claimed and has not published. Returns
    /// up to which position an entry completes nothing, for [`Notifier::rings`].
    #[inline]
    pub(crate) fn look(&self, bin: usize) -> u64 {
        let (mark, bit) = (&self.marks[bin / 64], 1 << (bin % 64));
        // SeqCst: pairs with the exchange in `marked`.
        if mark.load(Ordering::SeqCst) & bit == 0 {
            mark.fetch_or(bit, Ordering::SeqCst);
        }
        order_for_loom();
        // SeqCst: pairs with the store in `arm`.
        match self.armed.load(Ordering::SeqCst) {
            0 => NEVER,
            // Relaxed: this came with the armed notifier, or belongs to a later one, which saw the claim.
            BY_BIN => self.quiet[bin].load(Ordering::Relaxed),
            _ => 0,
        }
    }

    /// Returns true if a producer must wake a sleeper. It saw `quiet`, and published everything
    /// before position `end`; the first of these becomes due, or expires, at `due`.
    #[inline]
    pub(crate) fn rings(&self, end: u64, quiet: u64, due: impl FnOnce() -> u64) -> bool {
        // Relaxed: the caller takes the lock to wake, which orders everything. If another producer
        // disarmed the notifier, the sleeper is left to it.
        quiet != NEVER
            && (end > quiet || self.goes_off_before(due()))
            && self.armed.swap(0, Ordering::Relaxed) != 0
    }

    /// Returns true if no sleeper has set itself an alarm for `due` or earlier.
    fn goes_off_before(&self, due: u64) -> bool {
        // Relaxed: as for the quiet positions.
        due < self.alarm.load(Ordering::Relaxed)
    }

    /// Entries of `bin` up to position `quiet` complete no batch from now on. The caller holds the
    /// forming lock and arms the bell before it leaves it.
    pub(crate) fn set_quiet(&self, bin: usize, quiet: u64) {
        // Relaxed: ordered by the store in `arm`.
        self.quiet[bin].store(quiet, Ordering::Relaxed);
    }

    /// A worker is about to sleep. `any`: every entry rings; else those after their bin's quiet
    /// position, and those that are due before `alarm`. The caller then drains what is marked, for
    /// claims whose producers looked here before.
    pub(crate) fn arm(&self, any: bool, alarm: u64) {
        // Relaxed: ordered by the store below.
        self.alarm.store(alarm, Ordering::Relaxed);
        // SeqCst: pairs with the load in `look`.
        self.armed.store(if any { ANY } else { BY_BIN }, Ordering::SeqCst);
        order_for_loom();
    }

    /// Calls `take` for every bin that was marked since the last time; it returns true if a claim is
    /// left, so that the mark stays.
    #[inline]
    pub(crate) fn marked(&self, mut take: impl FnMut(usize) -> bool) {
        for (word, marks) in self.marks.iter().enumerate() {
            // SeqCst: pairs with the load of the armed bell in `look`, for a sleeper that looks here.
            if marks.load(Ordering::SeqCst) == 0 {
                continue;
            }
            // SeqCst: pairs with the load of the mark in `look`.
            let mut bits = marks.swap(0, Ordering::SeqCst);
            order_for_loom();
            let mut left = 0;
            while bits != 0 {
                let bit = bits & bits.wrapping_neg();
                let claimed = take(64 * word + bit.trailing_zeros() as usize);
                left |= if claimed { bit } else { 0 };
                bits ^= bit;
            }
            if left != 0 {
                // Relaxed: producers that find it need not set it; drains find it under the lock.
                marks.fetch_or(left, Ordering::Relaxed);
            }
        }
    }

    /// No sleeper needs to be woken.
    pub(crate) fn disarm(&self) {
        self.armed.store(0, Ordering::Relaxed);
    }
}

/// Run with `RUSTFLAGS="--cfg loom" cargo test -p multibin --profile loom --lib loom`.
#[cfg(all(test, loom))]
mod loom_tests {
    use loom::thread::{self, JoinHandle};

    use super::ring::{Drain, Ring, ring};
    use super::*;
    use crate::sync::Arc;

    /// A bell and the ring of its only bin.
    #[derive(Clone)]
    struct Side(Arc<Notifier>, Arc<Ring<u32>>);

    fn sides() -> (Side, Worker) {
        let (ring, drain) = ring::<u32>(2);
        let notifier = Arc::new(Notifier::new(1));
        (Side(Arc::clone(&notifier), ring), Worker { notifier, drain, seen: 0 })
    }

    impl Side {
        /// Publishes one entry; whether it must wake somebody.
        fn submit(&self) -> bool {
            let (end, quiet) = self.1.push_looking(1, || self.0.look(0)).unwrap();
            self.0.rings(end, quiet, || NEVER)
        }

        fn producer(&self) -> JoinHandle<bool> {
            let side = self.clone();
            thread::spawn(move || side.submit())
        }
    }

    struct Worker {
        notifier: Arc<Notifier>,
        drain: Drain<u32>,
        seen: u32,
    }

    impl Worker {
        fn take_marked(&mut self) {
            let Self { notifier, drain, seen } = self;
            notifier.marked(|_| drain.pass(|value| *seen += value));
        }

        /// Whether it may sleep without an alarm.
        fn arm_and_look(&mut self, quiet: u64) -> bool {
            self.notifier.set_quiet(0, quiet);
            self.notifier.arm(false, NEVER);
            let mut left = false;
            let Self { notifier, drain, seen } = self;
            notifier.marked(|_| {
                left = drain.pass(|value| *seen += value);
                left
            });
            self.seen == 0 && !left
        }
    }

    /// Either the worker sees the claim in its last look, or the producer sees the armed notifier.
    #[test]
    fn no_wake_up_is_lost() {
        loom::model(|| {
            let (side, mut worker) = sides();
            let producer = side.producer();
            let sleeps = worker.arm_and_look(0);
            let rang = producer.join().unwrap();
            assert!(!sleeps || rang);
        });
    }

    /// Two entries complete a batch, and one producer may stall between claim and publication: the
    /// worker does not sleep without an alarm beside a full batch.
    #[test]
    fn a_stalled_claim_costs_no_wake_up() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let (side, mut worker) = sides();
            let producers = [side.producer(), side.producer()];
            let sleeps = worker.arm_and_look(1);
            let rang = producers.map(|producer| producer.join().unwrap()).contains(&true);
            assert!(!sleeps || rang, "asleep, and a full batch waits");
        });
    }

    /// Who drains by the marks alone leaves nothing behind for ever: once the producers are done,
    /// the next look at the marks finds what is left.
    #[test]
    fn no_mark_is_lost() {
        loom::model(|| {
            let (side, mut worker) = sides();
            let producers = [side.producer(), side.producer()];
            worker.take_marked();
            for producer in producers {
                producer.join().unwrap();
            }
            worker.take_marked();
            assert_eq!(worker.seen, 2);
        });
    }

    /// Who claims under a mark that is being taken, and so sets none, is seen by who takes it.
    #[test]
    fn nobody_hides_behind_an_old_mark() {
        loom::model(|| {
            let (side, mut worker) = sides();
            side.submit();
            let producer = side.producer();
            worker.take_marked();
            producer.join().unwrap();
            worker.take_marked();
            assert_eq!(worker.seen, 2);
        });
    }

    /// A drain takes the mark, and leaves it beside a claim that is not published, before the worker
    /// falls asleep: the sleeper looks at that ring again.
    #[test]
    fn a_mark_that_is_left_keeps_the_sleeper_awake() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let (side, mut worker) = sides();
            let producers = [side.producer(), side.producer()];
            worker.take_marked();
            let before = worker.seen;
            worker.seen = 0;
            let sleeps = worker.arm_and_look(u64::from(before));
            let rang = producers.map(|producer| producer.join().unwrap()).contains(&true);
            assert!(!sleeps || rang || before == 2, "asleep beside an entry");
        });
    }

    /// The first entry of a bin sets a sleeper's alarm, or is seen by a sleeper that falls asleep.
    #[test]
    fn an_entry_that_is_due_before_the_alarm_rings() {
        loom::model(|| {
            let (side, mut worker) = sides();
            let producer = {
                let side = side.clone();
                thread::spawn(move || {
                    let (end, quiet) = side.1.push_looking(1, || side.0.look(0)).unwrap();
                    side.0.rings(end, quiet, || 5)
                })
            };
            let sleeps = worker.arm_and_look(2);
            let rang = producer.join().unwrap();
            assert!(!sleeps || rang);
        });
    }
}
