//! Counters in the text exposition format of Prometheus, version 0.0.4.

mod labels;
mod text;

use std::fmt::{self, Display};

use super::snapshot::{BinStats, Snapshot, Stats};
use super::waits::Waits;
use crate::request::Reason;
pub use labels::LabelError;
use text::{Kind, Seconds, Text};

impl Snapshot {
    /// Returns all counters in the [text exposition format] of Prometheus (`text/plain;
    /// version=0.0.4`), with `labels` (name, value) on every sample.
    ///
    /// Units are seconds and predicted steps. `docs/reference/stats.md` lists the metrics.
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32])?, Config::new(8))?;
    /// scheduler.submit(1, 9)?;
    /// let text = scheduler.snapshot().prometheus(&[("pod", "a")])?;
    /// assert!(text.contains("multibin_waiting{pod=\"a\",bin=\"0\"} 1\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`LabelError`] if a name is invalid, starts with `__`, is `bin`, `reason` or `le`, or is
    /// given twice.
    ///
    /// [text exposition format]: https://prometheus.io/docs/instrumenting/exposition_formats/
    pub fn prometheus(&self, labels: &[(&str, &str)]) -> Result<String, LabelError> {
        labels::check(labels)?;
        Ok(Exposition { snapshot: self, labels }.to_string())
    }
}

/// A snapshot with labels that were checked.
struct Exposition<'a> {
    snapshot: &'a Snapshot,
    labels: &'a [(&'a str, &'a str)],
}

impl Display for Exposition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &mut Text { out: f, labels: self.labels };
        let Snapshot { totals, bins, waits } = self.snapshot;
        write_queues(bins, text)?;
        write_batches(bins, text)?;
        write_totals(totals, text)?;
        write_waits(waits, text)
    }
}

/// Writes one sample for each bin.
fn write_bins<T: Display>(
    bins: &[BinStats],
    text: &mut Text<'_, '_>,
    name: &str,
    kind: Kind,
    help: &str,
    of: impl Fn(&BinStats) -> T,
) -> fmt::Result {
    text.head(name, kind, help)?;
    for (bin, stats) in bins.iter().enumerate() {
        text.sample(name, &[("bin", &bin)], &of(stats))?;
    }
    Ok(())
}

fn write_queues(bins: &[BinStats], text: &mut Text<'_, '_>) -> fmt::Result {
    let help = "Requests that wait in the bin, climbers included.";
    write_bins(bins, text, "waiting", Kind::Gauge, help, |bin| bin.waiting)?;
    let help = "Climbers that wait in the bin.";
    write_bins(bins, text, "parked", Kind::Gauge, help, |bin| bin.parked)?;
    let help = "Age of the oldest queue head in the bin, climbers included; 0 for an empty bin.";
    let seconds = |bin: &BinStats| Seconds(bin.oldest.as_secs_f64());
    write_bins(bins, text, "oldest_age_seconds", Kind::Gauge, help, seconds)?;
    let help = "Requests accepted into the bin.";
    write_bins(bins, text, "arrivals_total", Kind::Counter, help, |bin| bin.arrivals)
}

fn write_batches(bins: &[BinStats], text: &mut Text<'_, '_>) -> fmt::Result {
    let help = "Batches that a request of the bin led, by the rule that released them.";
    text.head("batches_total", Kind::Counter, help)?;
    for (bin, stats) in bins.iter().enumerate() {
        for (reason, count) in Reason::ALL.iter().zip(stats.batches) {
            let own = [("bin", &bin as &dyn Display), ("reason", &reason.name())];
            text.sample("batches_total", &own, &count)?;
        }
    }
    let mut each = |name, help, of: fn(&BinStats) -> u64| {
        write_bins(bins, text, name, Kind::Counter, help, of)
    };
    each("rows_total", "Rows of batches that the bin led.", |bin| bin.rows)?;
    let help = "Rows times the longest predicted length of batches that the bin led, in steps.";
    each("padded_steps_total", help, |bin| bin.padded)?;
    let help = "Sum of the predicted lengths of batches that the bin led, in steps.";
    each("useful_steps_total", help, |bin| bin.useful)
}

fn write_totals(totals: &Stats, text: &mut Text<'_, '_>) -> fmt::Result {
    text.single("leased", Kind::Gauge, "Rows in open leases.", &totals.leased)?;
    let help = "Limit of requests that wait or are leased.";
    text.single("capacity", Kind::Gauge, help, &totals.capacity)?;
    let counters = [
        ("refused_total", totals.refused, "Requests refused because no room was left."),
        ("resubmitted_total", totals.resubmitted, "Rows that climbed."),
        ("restarted_total", totals.restarted, "Climbers restarted because their worker is gone."),
        ("cancelled_total", totals.cancelled, "Requests cancelled while they waited."),
        ("expired_total", totals.expired, "Requests whose deadline passed before they started."),
        ("done_total", totals.done, "Rows finished."),
        ("lost_total", totals.lost, "Rows of leases that were dropped unfinished."),
    ];
    for (name, count, help) in counters {
        text.single(name, Kind::Counter, help, &count)?;
    }
    Ok(())
}

fn write_waits(waits: &Waits, text: &mut Text<'_, '_>) -> fmt::Result {
    let help = "Waits of the rows of batches since they last entered a queue.";
    text.head("wait_seconds", Kind::Histogram, help)?;
    let mut cumulative = 0;
    for (bound, count) in Waits::bounds().zip(waits.counts()) {
        cumulative += count;
        let bound = Seconds(bound.as_secs_f64());
        text.sample("wait_seconds_bucket", &[("le", &bound)], &cumulative)?;
    }
    text.sample("wait_seconds_bucket", &[("le", &"+Inf")], &waits.count())?;
    text.sample("wait_seconds_sum", &[], &Seconds(waits.seconds()))?;
    text.sample("wait_seconds_count", &[], &waits.count())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::snapshot::Stats;
    use super::*;

    fn snapshot() -> Snapshot {
        let bins = vec![BinStats { waiting: 3, ..BinStats::default() }];
        let mut waits = Waits::default();
        waits.extend([500, 1_500_000_000].into_iter());
        Snapshot { totals: Stats { lost: 7, ..Stats::default() }, bins, waits }
    }

    fn has(text: &str, line: &str) -> bool {
        text.lines().any(|other| other == line)
    }

    #[test]
    fn a_histogram_is_cumulative() {
        let text = snapshot().prometheus(&[]).unwrap();
        assert!(has(&text, "# TYPE multibin_wait_seconds histogram"));
        assert!(has(&text, "multibin_wait_seconds_bucket{le=\"1e-6\"} 1"));
        assert!(has(&text, "multibin_wait_seconds_bucket{le=\"1.048576\"} 1"));
        assert!(has(&text, "multibin_wait_seconds_bucket{le=\"2.097152\"} 2"));
        assert!(has(&text, "multibin_wait_seconds_bucket{le=\"+Inf\"} 2"));
        assert!(has(&text, "multibin_wait_seconds_sum 1.5000005"));
        assert!(has(&text, "multibin_wait_seconds_count 2"));
    }

    #[test]
    fn labels_are_escaped_and_come_first() {
        let text = snapshot().prometheus(&[("pod", "a\\b\"c\nd"), ("zone", "é")]).unwrap();
        let labels = "pod=\"a\\\\b\\\"c\\nd\",zone=\"é\"";
        assert!(has(&text, &format!("multibin_waiting{{{labels},bin=\"0\"}} 3")));
        assert!(has(&text, &format!("multibin_lost_total{{{labels}}} 7")));
    }

    #[test]
    fn invalid_and_repeated_labels_are_refused() {
        for name in ["", "0a", "__a", "a-b", "é"] {
            let refused = snapshot().prometheus(&[(name, "")]);
            assert_eq!(refused, Err(LabelError::Name(name.to_owned())));
        }
        for labels in [&[("bin", "")][..], &[("le", "")], &[("a", ""), ("a", "")]] {
            let refused = snapshot().prometheus(labels);
            assert_eq!(refused, Err(LabelError::Taken(labels.last().unwrap().0.to_owned())));
        }
    }
}
