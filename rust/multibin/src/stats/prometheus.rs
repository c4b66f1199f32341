//! Counters in the text exposition format of Prometheus, version 0.0.4.

use std::fmt::{self, Display, Write};

use thiserror::Error;

use super::{BinStats, Snapshot, Waits};
use crate::request::Reason;

/// Why labels cannot be given to every sample.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LabelError {
    /// Not a label name.
    #[error("labels: {0:?} is not a label's name (letters, digits and _, not first a digit or __)")]
    Name(String),
    /// The samples have such a label, or it is given twice.
    #[error("labels: {0:?} is a label of the samples already")]
    Taken(String),
}

/// Labels of the samples themselves.
const OWN: [&str; 3] = ["bin", "reason", "le"];

impl Snapshot {
    /// All counters in the [text exposition format] of Prometheus (`text/plain; version=0.0.4`),
    /// with `labels` (name, value) on every sample. Seconds and predicted steps are the units; the
    /// metrics are listed in `docs/scheduling.md`.
    ///
    /// # Errors
    /// [`LabelError`] when a name is none, starts with `__`, is one of `bin`, `reason` and `le`, or
    /// comes twice.
    ///
    /// [text exposition format]: https://prometheus.io/docs/instrumenting/exposition_formats/
    pub fn prometheus(&self, labels: &[(&str, &str)]) -> Result<String, LabelError> {
        check(labels)?;
        Ok(Exposition { snapshot: self, labels }.to_string())
    }

    fn write_depths(&self, text: &mut Text<'_, '_>) -> fmt::Result {
        let each = |text: &mut Text<'_, '_>, name, kind, help, of: fn(&BinStats) -> u64| {
            self.write_bins(text, name, kind, help, of)
        };
        each(text, "waiting", Kind::Gauge, "Requests that wait in the bin.", |bin| bin.waiting)?;
        each(text, "parked", Kind::Gauge, "Climbers among them.", |bin| bin.parked)?;
        let help = "Time since the arrival of the first in the bin's queues, 0 when nobody waits.";
        let seconds = |bin: &BinStats| Seconds(bin.oldest.as_secs_f64());
        self.write_bins(text, "oldest_age_seconds", Kind::Gauge, help, seconds)?;
        let help = "Requests accepted into the bin.";
        each(text, "arrivals_total", Kind::Counter, help, |bin| bin.arrivals)
    }

    fn write_batches(&self, text: &mut Text<'_, '_>) -> fmt::Result {
        let help = "Batches that a request of the bin led, by the rule that let them leave.";
        text.head("batches_total", Kind::Counter, help)?;
        for (bin, stats) in self.bins.iter().enumerate() {
            for (reason, count) in Reason::ALL.iter().zip(stats.batches) {
                let own = [("bin", &bin as &dyn Display), ("reason", &reason.name())];
                text.sample("batches_total", &own, &count)?;
            }
        }
        let mut each = |name, help, of: fn(&BinStats) -> u64| {
            self.write_bins(text, name, Kind::Counter, help, of)
        };
        each("rows_total", "Rows in these batches.", |bin| bin.rows)?;
        let help = "Rows times the longest predicted length, of these batches, in steps.";
        each("padded_steps_total", help, |bin| bin.padded)?;
        let help = "The sum of the predicted lengths, of these batches, in steps.";
        each("useful_steps_total", help, |bin| bin.useful)
    }

    fn write_bins<T: Display>(
        &self,
        text: &mut Text<'_, '_>,
        name: &str,
        kind: Kind,
        help: &str,
        of: impl Fn(&BinStats) -> T,
    ) -> fmt::Result {
        text.head(name, kind, help)?;
        for (bin, stats) in self.bins.iter().enumerate() {
            text.sample(name, &[("bin", &bin)], &of(stats))?;
        }
        Ok(())
    }

    fn write_totals(&self, text: &mut Text<'_, '_>) -> fmt::Result {
        let totals = &self.totals;
        let help = "Rows in open leases.";
        text.head("leased", Kind::Gauge, help)?;
        text.sample("leased", &[], &totals.leased)?;
        text.head("capacity", Kind::Gauge, "How many may wait or be leased.")?;
        text.sample("capacity", &[], &totals.capacity)?;
        let counters = [
            ("refused_total", totals.refused, "Rows refused for want of room."),
            ("resubmitted_total", totals.resubmitted, "Rows that came back to climb."),
            ("restarted_total", totals.restarted, "Climbers whose worker went away."),
            ("cancelled_total", totals.cancelled, "Requests taken back while they waited."),
            (
                "expired_total",
                totals.expired,
                "Requests whose deadline passed before they started.",
            ),
            ("done_total", totals.done, "Rows finished."),
            ("lost_total", totals.lost, "Rows of leases dropped without being finished."),
        ];
        for (name, count, help) in counters {
            text.head(name, Kind::Counter, help)?;
            text.sample(name, &[], &count)?;
        }
        Ok(())
    }
}

fn write_waits(waits: &Waits, text: &mut Text<'_, '_>) -> fmt::Result {
    let help = "How long rows of batches had waited since they last entered a queue.";
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

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A snapshot with labels that are fit for it.
struct Exposition<'a> {
    snapshot: &'a Snapshot,
    labels: &'a [(&'a str, &'a str)],
}

impl Display for Exposition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &mut Text { out: f, labels: self.labels };
        self.snapshot.write_depths(text)?;
        self.snapshot.write_batches(text)?;
        self.snapshot.write_totals(text)?;
        write_waits(&self.snapshot.waits, text)
    }
}

/// Where samples are written.
struct Text<'a, 'f> {
    out: &'a mut fmt::Formatter<'f>,
    labels: &'a [(&'a str, &'a str)],
}

impl Text<'_, '_> {
    /// What comes before a metric's samples.
    fn head(&mut self, name: &str, kind: Kind, help: &str) -> fmt::Result {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        writeln!(self.out, "# HELP multibin_{name} {help}\n# TYPE multibin_{name} {kind}")
    }

    fn sample(
        &mut self,
        name: &str,
        own: &[(&str, &dyn Display)],
        value: &dyn Display,
    ) -> fmt::Result {
        write!(self.out, "multibin_{name}")?;
        let mut separator = '{';
        for (name, value) in self.labels {
            write!(self.out, "{separator}{name}=\"{}\"", Escaped(value))?;
            separator = ',';
        }
        for (name, value) in own {
            write!(self.out, "{separator}{name}=\"{value}\"")?;
            separator = ',';
        }
        let close = if separator == ',' { "}" } else { "" };
        writeln!(self.out, "{close} {value}")
    }
}

/// A float as `1.0` or `1e-6`.
struct Seconds(f64);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// A label's value between its quotes.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            other => f.write_char(other),
        })
    }
}

fn check(labels: &[(&str, &str)]) -> Result<(), LabelError> {
    for (i, &(name, _)) in labels.iter().enumerate() {
        if !is_name(name) {
            return Err(LabelError::Name(name.to_owned()));
        }
        let before = labels[..i].iter().map(|&(name, _)| name);
        if OWN.into_iter().chain(before).any(|other| other == name) {
            return Err(LabelError::Taken(name.to_owned()));
        }
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let known = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let first = name.chars().next().is_some_and(|c| !c.is_ascii_digit());
    first && name.chars().all(known) && !name.starts_with("__")
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Stats;

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
    fn labels_that_cannot_be_are_refused() {
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
