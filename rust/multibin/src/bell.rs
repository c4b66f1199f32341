//! What producers tell workers without asking for the lock: where something comes, and that a
//! sleeper must wake.
//!
//! Dekker's protocol, twice. A producer claims a position, then looks at its bin's mark and at the
//! bell, then publishes. Who takes a mark away, and who arms the bell, looks at the rings'
//! [`tail`](crate::queue::Ring::tail) afterwards. Either the producer sees what the other side
//! wrote, or the other side sees the claim, and remembers to look again if it is not published.
//! All these accesses are `SeqCst`, so that there is no fence between publishing and looking.

use crate::sync::{AtomicU32, AtomicU64, Ordering, order_for_loom};

/// No position is after it: no entry wakes anybody.
const NOBODY: u64 = u64::MAX;

/// One bell for all workers: whoever finds it armed disarms it and wakes one.
#[derive(Debug)]
pub(crate) struct Bell {
    /// 1 while somebody sleeps and nobody has been woken for it, else 0.
    armed: AtomicU32,
    /// Per bin the ring position up to which an entry makes no batch.
    quiet: Box<[AtomicU64]>,
    /// A bit per bin whose ring may hold something, so that who drains need not look at all.
    marks: Box<[AtomicU64]>,
}

impl Bell {
    pub(crate) fn new(bins: usize) -> Self {
        let quiet = (0..bins).map(|_| AtomicU64::new(0)).collect();
        let marks = (0..bins.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Self { armed: AtomicU32::new(0), quiet, marks }
    }

    /// A producer claimed positions of `bin` and has not published: sees to the mark and returns up
    /// to which position an entry wakes nobody, for [`Bell::rings`].
    #[inline]
    pub(crate) fn look(&self, bin: usize) -> u64 {
        let (mark, bit) = (&self.marks[bin / 64], 1 << (bin % 64));
        // SeqCst: pairs with the exchange in `marked`.
        if mark.load(Ordering::SeqCst) & bit == 0 {
            mark.fetch_or(bit, Ordering::SeqCst);
        }
        // SeqCst: pairs with the store in `arm`.
        if self.armed.load(Ordering::SeqCst) == 0 {
            return NOBODY;
        }
        // Relaxed: this is what came with the armed bell, or is of a later arming, and who armed
        // later sees the claim.
        self.quiet[bin].load(Ordering::Relaxed)
    }

    /// A producer that saw `quiet` published everything before position `end`: must it wake
    /// somebody?
    #[inline]
    pub(crate) fn rings(&self, end: u64, quiet: u64) -> bool {
        // Relaxed: who wakes takes the lock afterwards, which orders everything; who does not leaves
        // it to whoever disarmed the bell.
        end > quiet && self.armed.swap(0, Ordering::Relaxed) == 1
    }

    /// A worker is about to sleep: entries up to `quiet(bin)` need not wake it. The caller then
    /// looks at the rings again, for claims whose producers looked here before.
    pub(crate) fn arm(&self, quiet: impl Fn(usize) -> u64) {
        for (bin, position) in self.quiet.iter().enumerate() {
            position.store(quiet(bin), Ordering::Relaxed);
        }
        // SeqCst: pairs with the load in `look`.
        self.armed.store(1, Ordering::SeqCst);
        order_for_loom();
    }

    /// Calls `take` for every bin that was marked since the last time; it says whether a claim is
    /// left, so that the mark stays. Either that claim is seen, or its producer finds no mark and
    /// sets it anew. Who is about to sleep looks at every ring all the same.
    #[inline]
    pub(crate) fn marked(&self, mut take: impl FnMut(usize) -> bool) {
        for (word, marks) in self.marks.iter().enumerate() {
            if marks.load(Ordering::Relaxed) == 0 {
                continue;
            }
            // SeqCst: pairs with the load in `look`.
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
                // Relaxed: producers that find it need not set it.
                marks.fetch_or(left, Ordering::Relaxed);
            }
        }
    }

    /// Nobody needs to be woken.
    pub(crate) fn disarm(&self) {
        self.armed.store(0, Ordering::Relaxed);
    }
}

/// Run with `RUSTFLAGS="--cfg loom" cargo test -p multibin --profile loom --lib loom`.
#[cfg(all(test, loom))]
mod loom_tests {
    use loom::thread::{self, JoinHandle};

    use super::*;
    use crate::queue::{Drain, Ring, ring};
    use crate::sync::Arc;

    /// A bell and the ring of its only bin.
    #[derive(Clone)]
    struct Side(Arc<Bell>, Arc<Ring<u32>>);

    fn sides() -> (Side, Worker) {
        let (ring, drain) = ring::<u32>(2);
        let bell = Arc::new(Bell::new(1));
        (Side(Arc::clone(&bell), ring), Worker { bell, drain, seen: 0 })
    }

    impl Side {
        /// Publishes one entry; whether it must wake somebody.
        fn submit(&self) -> bool {
            let (end, quiet) = self.1.push_looking(1, || self.0.look(0)).unwrap();
            self.0.rings(end, quiet)
        }

        fn producer(&self) -> JoinHandle<bool> {
            let side = self.clone();
            thread::spawn(move || side.submit())
        }
    }

    struct Worker {
        bell: Arc<Bell>,
        drain: Drain<u32>,
        seen: u32,
    }

    impl Worker {
        fn take_marked(&mut self) {
            let Self { bell, drain, seen } = self;
            bell.marked(|_| drain.pass(|value| *seen += value));
        }

        /// Whether it may sleep without an alarm.
        fn arm_and_look(&mut self, quiet: u64) -> bool {
            self.bell.arm(|_| quiet);
            let left = self.drain.pass(|value| self.seen += value);
            self.seen == 0 && !left
        }
    }

    /// Either the worker sees the claim in its last look, or the producer sees the armed bell.
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
}
