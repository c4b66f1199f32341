//! What the counters must be, kept naively beside a random program.

use crate::{Batch, BinStats, Reason, Scheduler, Waits};

pub(super) struct Ledger {
    /// Counters of events; the reference knows what waits.
    bins: Vec<BinStats>,
    /// Nanoseconds.
    waits: Vec<u128>,
}

impl Ledger {
    pub(super) fn new(bins: usize) -> Self {
        Self { bins: vec![BinStats::default(); bins], waits: Vec::new() }
    }

    pub(super) fn arrive(&mut self, bin: usize) {
        self.bins[bin].arrivals += 1;
    }

    pub(super) fn leave(&mut self, batch: &Batch) {
        let bin = &mut self.bins[batch.bin()];
        let lengths = || batch.rows().iter().map(|row| u64::from(row.length));
        let reason = Reason::ALL.iter().position(|&reason| reason == batch.reason()).unwrap();
        bin.batches[reason] += 1;
        bin.rows += batch.rows().len() as u64;
        bin.padded += batch.rows().len() as u64 * lengths().max().unwrap_or(0);
        bin.useful += lengths().sum::<u64>();
        self.waits.extend(batch.waits().map(|wait| wait.as_nanos()));
    }

    /// Checks the counters. `waiting`: the bin of each waiting request, and true if it climbs.
    pub(super) fn check(
        &self,
        scheduler: &Scheduler,
        waiting: impl Iterator<Item = (usize, bool)>,
    ) {
        let mut want = self.bins.clone();
        for (bin, parked) in waiting {
            want[bin].waiting += 1;
            want[bin].parked += u64::from(parked);
        }
        let got = scheduler.snapshot();
        for (want, got) in want.iter_mut().zip(&got.bins) {
            assert!(got.waiting > 0 || got.oldest.is_zero());
            want.oldest = got.oldest;
        }
        assert_eq!(got.bins, want);
        Self::check_sums(&got.bins, got.totals);
        self.check_waits(&got.waits, got.totals.taken);
    }

    fn check_sums(bins: &[BinStats], totals: crate::Stats) {
        let sum = |of: fn(&BinStats) -> u64| bins.iter().map(of).sum::<u64>();
        assert_eq!(sum(|bin| bin.waiting), totals.waiting);
        assert_eq!(sum(|bin| bin.arrivals), totals.submitted);
        assert_eq!(sum(|bin| bin.rows), totals.taken);
        for (reason, &count) in totals.batches.iter().enumerate() {
            assert_eq!(bins.iter().map(|bin| bin.batches[reason]).sum::<u64>(), count);
        }
        assert!(bins.iter().all(|bin| bin.parked <= bin.waiting && bin.useful <= bin.padded));
        let ended = totals.resubmitted + totals.done + totals.lost + totals.leased;
        assert_eq!(totals.taken, ended);
    }

    fn check_waits(&self, got: &Waits, taken: u64) {
        assert_eq!(got.count(), taken);
        let mut cumulative = 0;
        for (bound, count) in Waits::bounds().zip(got.counts()) {
            cumulative += count;
            let within = self.waits.iter().filter(|&&wait| wait <= bound.as_nanos()).count();
            assert_eq!(cumulative, within as u64);
        }
        assert_eq!(got.seconds(), self.waits.iter().sum::<u128>() as f64 / 1e9);
    }
}
