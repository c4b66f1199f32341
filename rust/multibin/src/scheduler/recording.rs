//! Records the ends of requests, if the scheduler has a recorder. No lock is held meanwhile.

use std::time::Duration;

use super::inner::Inner;
use crate::record::{End, Record, Recorder, wall_clock};
use crate::request::{Expired, Row};
use crate::sync::{AtomicU64, Ordering};
use crate::time::nanoseconds;

/// Nanoseconds by which the two clocks may drift apart before they are compared again.
const DRIFT: u64 = 100_000_000;

/// Where a scheduler records ends.
#[derive(Debug)]
pub(super) struct Log {
    recorder: Recorder,
    /// Nanoseconds from the epoch of Unix to the start of the scheduler's clock. It stays as it is
    /// while it is about right, so that the gaps between arrivals are those of a steady clock.
    origin: AtomicU64,
}

impl Log {
    pub(super) fn new(recorder: Recorder) -> Self {
        Self { recorder, origin: AtomicU64::new(0) }
    }

    /// Returns the time since the epoch of Unix at `now`, which is the present.
    fn wall(&self, now: u64) -> Duration {
        let found = nanoseconds(wall_clock()).saturating_sub(now);
        // Relaxed: it orders nothing.
        let mut origin = self.origin.load(Ordering::Relaxed);
        if origin.abs_diff(found) > DRIFT {
            self.origin.store(found, Ordering::Relaxed);
            origin = found;
        }
        Duration::from_nanos(origin.saturating_add(now))
    }
}

/// What a worker observed of a row.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Observed {
    /// The steps that it took; 0: not known.
    pub(super) steps: u32,
    /// The tokens of its prompt; 0: not known.
    pub(super) prompt: u32,
}

/// The moment at which requests end, on two clocks.
struct Moment<'a> {
    recorder: &'a Recorder,
    /// Nanoseconds on the scheduler's clock.
    now: u64,
    /// Since the epoch of Unix.
    wall: Duration,
}

impl Moment<'_> {
    /// Returns the record of a request that arrived then, had that prediction, wait and length.
    fn record(
        &self,
        end: End,
        (arrival, length): (u64, u32),
        wait: Option<u64>,
        seen: Observed,
    ) -> Record {
        let latency = Duration::from_nanos(self.now.saturating_sub(arrival));
        Record {
            prompt_tokens: seen.prompt,
            predicted_tokens: Some(length),
            output_tokens: seen.steps,
            wait: wait.map(Duration::from_nanos),
            latency: Some(latency),
            ..Record::new(self.wall.saturating_sub(latency), end)
        }
    }
}

impl Inner {
    fn moment(&self) -> Option<Moment<'_>> {
        let (log, now) = (self.log.as_ref()?, self.now());
        Some(Moment { recorder: &log.recorder, now, wall: log.wall(now) })
    }

    /// Keeps a request that was cancelled under the forming lock, to record it afterwards.
    pub(super) fn keep_for_record(&self, rows: &mut Vec<Row>, row: &Row) {
        if self.log.is_some() {
            rows.push(*row);
        }
    }

    /// Records requests that were cancelled.
    pub(super) fn record_cancelled(&self, rows: &[Row]) {
        let Some(moment) = self.moment().filter(|_| !rows.is_empty()) else { return };
        moment.recorder.push_all(rows.iter().map(|row| {
            let seen = Observed { steps: row.progress, prompt: 0 };
            moment.record(End::Cancelled, (row.arrival, row.length), None, seen)
        }));
    }

    /// Records requests that expired, when they are reported.
    pub(super) fn record_expired(&self, expired: &[Expired]) {
        if expired.is_empty() {
            return;
        }
        let Some(moment) = self.moment() else { return };
        moment.recorder.push_all(expired.iter().map(|expired| {
            let asked = (expired.arrival, expired.length);
            moment.record(End::Expired, asked, None, Observed::default())
        }));
    }

    /// Records rows of a batch that was formed at `formed`, with what was observed of them.
    pub(super) fn record_rows(
        &self,
        end: End,
        formed: u64,
        rows: impl Iterator<Item = (Row, Option<Observed>)>,
    ) {
        let Some(moment) = self.moment() else { return };
        moment.recorder.push_all(rows.map(|(row, seen)| {
            // What a row waited before its first batch is not known of one that was resubmitted.
            let waited = formed.saturating_sub(row.arrival);
            let wait = (row.progress == 0).then_some(waited);
            let known = if end == End::Finished { 0 } else { row.progress };
            let seen = seen.unwrap_or(Observed { steps: known, prompt: 0 });
            moment.record(end, (row.arrival, row.length), wait, seen)
        }));
    }
}
