//! The counters at one moment.

use std::time::Duration;

use super::inner::{Inner, State};
use super::locks::WakeList;
use crate::stats::{BinStats, Snapshot, Stats};
use crate::sync::Ordering;

impl Inner {
    pub(super) fn stats(&self) -> Stats {
        let wakes = WakeList::new();
        self.expire_due(&wakes);
        let state = self.lock(&wakes);
        self.totals(&state)
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let mut bins = Vec::with_capacity(self.rings.len());
        let wakes = WakeList::new();
        self.expire_due(&wakes);
        let state = self.lock(&wakes);
        let now = self.now();
        bins.extend((0..self.rings.len()).map(|bin| state.bin_stats(bin, now)));
        Snapshot { bins, totals: self.totals(&state), waits: state.counts.waits() }
    }

    fn totals(&self, state: &State) -> Stats {
        let taken = state.former.taken();
        let resubmitted = state.former.resubmitted();
        // The lock stops what enters and leaves queues, not what is submitted or done.
        let (done, lost) = (self.done.load(Ordering::Relaxed), self.lost.load(Ordering::Relaxed));
        let submitted = self.admission.admitted();
        Stats {
            submitted,
            taken,
            resubmitted,
            restarted: state.restarted,
            done,
            lost,
            cancelled: state.cancelled,
            expired: state.expired,
            waiting: submitted + resubmitted - taken - state.cancelled - state.expired,
            leased: (taken - resubmitted).saturating_sub(done + lost),
            refused: self.refused.load(Ordering::Relaxed),
            capacity: self.capacity as u64,
            batches: state.batches,
        }
    }
}

impl State {
    fn bin_stats(&self, bin: usize, now: u64) -> BinStats {
        let (consumer, depth) = (&self.consumers[bin], self.former.depth_of(bin));
        let arrivals = consumer.ring().tail();
        // Requests in the ring came later than those in the queue.
        let published = consumer.first().map(|submission| submission.arrival);
        let oldest = depth.oldest.into_iter().chain(published).min();
        BinStats {
            waiting: depth.waiting + (arrivals - consumer.head()) - self.withdrawn.in_ring(bin),
            parked: depth.parked,
            oldest: oldest.map_or(Duration::ZERO, |arrival| since(arrival, now)),
            arrivals,
            ..self.counts.bin(bin)
        }
    }
}

fn since(arrival: u64, now: u64) -> Duration {
    Duration::from_nanos(now.saturating_sub(arrival))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::{Config, Edges, Overrun, Reason, Scheduler};

    const SECOND: u64 = 1_000_000_000;

    /// Makes a scheduler on a clock that the test moves, with bins [0, 10), [10, 20) and [20, ∞).
    fn scheduler() -> (Arc<AtomicU64>, Scheduler) {
        let clock = Arc::new(AtomicU64::new(0));
        let edges = Edges::new(&[0, 10, 20, 40]).unwrap();
        let config = Config { overrun: Overrun::Climb, ..Config::new(2) };
        (Arc::clone(&clock), Scheduler::virtually(clock, edges, config).unwrap())
    }

    #[test]
    fn ages_count_from_arrival_and_waits_from_the_last_entry() {
        let (clock, scheduler) = scheduler();
        let at = |seconds: u64| clock.store(seconds * SECOND, Ordering::Relaxed);
        at(1);
        scheduler.submit_many(&[0, 1], &[5, 15]).unwrap();
        at(3);
        let oldest = |scheduler: &Scheduler| -> Vec<u64> {
            scheduler.snapshot().bins.iter().map(|bin| bin.oldest.as_secs()).collect()
        };
        assert_eq!(oldest(&scheduler), [2, 2, 0], "seen in the rings");
        let worker = scheduler.worker();
        let batch = worker.next_batch(None).unwrap();
        assert_eq!(oldest(&scheduler), [0, 0, 0]);
        at(4);
        scheduler.submit(2, 15).unwrap();
        batch.resubmit(&[(0, 10)], false).unwrap();
        at(9);
        assert_eq!(oldest(&scheduler), [0, 8, 0], "the climber arrived first");
        let bin = scheduler.snapshot().bins[1];
        assert_eq!((bin.waiting, bin.parked, bin.arrivals), (2, 1, 2));
        worker.next_batch(None).unwrap().done();
        let waits = scheduler.snapshot().waits;
        // Two of 2 s, two of 5 s: at most 2²¹ and 2²³ µs.
        assert_eq!((waits.counts()[21], waits.counts()[23], waits.count()), (2, 2, 4));
        assert_eq!(waits.seconds(), 14.0);
    }

    #[test]
    fn a_batch_counts_for_the_bin_that_led_it() {
        let (_, scheduler) = scheduler();
        scheduler.submit_many(&[0, 1], &[15, 4]).unwrap();
        scheduler.worker().next_batch(None).unwrap().done();
        let bins = scheduler.snapshot().bins;
        let light_load = bins[1].batches[Reason::LightLoad as usize];
        assert_eq!((light_load, bins[1].rows, bins[1].padded, bins[1].useful), (1, 2, 30, 19));
        assert_eq!(bins[0], BinStats { arrivals: 1, ..BinStats::default() });
    }
}
