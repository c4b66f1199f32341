//! Counts the batches that leave, under the forming lock.

use super::snapshot::BinStats;
use super::waits::Waits;
use crate::policy::Formed;
use crate::request::Reason;

/// Counts of batches by the bin that led them, and the waits of their rows.
#[derive(Debug)]
pub(crate) struct Counts {
    led: Box<[Led]>,
    waits: Waits,
}

/// Counts of the batches that one bin led, on a cache line of their own.
#[derive(Debug, Clone, Default)]
#[repr(align(64))]
struct Led {
    batches: [u64; Reason::ALL.len()],
    rows: u64,
    padded: u64,
    useful: u64,
}

impl Counts {
    pub(crate) fn new(bins: usize) -> Self {
        Self { led: vec![Led::default(); bins].into(), waits: Waits::default() }
    }

    /// Counts the batch `formed`, which leaves at `now`.
    #[inline]
    pub(crate) fn leave(&mut self, formed: &Formed, now: u64) {
        let rows = formed.rows.len() as u64;
        let lengths = formed.rows.iter().map(|row| u64::from(row.length));
        let (longest, useful) = lengths.fold((0, 0), |(max, sum), l| (l.max(max), sum + l));
        let led = &mut self.led[formed.bin];
        led.batches[formed.reason as usize] += 1;
        led.rows += rows;
        led.padded = led.padded.saturating_add(rows * longest);
        led.useful = led.useful.saturating_add(useful);
        self.waits.extend(formed.rows.iter().map(|row| now.saturating_sub(row.entered)));
    }

    pub(crate) fn waits(&self) -> Waits {
        self.waits
    }

    /// Returns the counters of `bin` that are kept here; the others are 0.
    pub(crate) fn bin(&self, bin: usize) -> BinStats {
        let Led { batches, rows, padded, useful } = self.led[bin].clone();
        BinStats { batches, rows, padded, useful, ..BinStats::default() }
    }
}
