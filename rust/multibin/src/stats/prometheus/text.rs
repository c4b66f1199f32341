//! Writes samples in the text exposition format.

use std::fmt::{self, Display, Write};

/// The type of a metric.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A writer of samples, which adds `labels` to each.
pub(super) struct Text<'a, 'f> {
    pub(super) out: &'a mut fmt::Formatter<'f>,
    pub(super) labels: &'a [(&'a str, &'a str)],
}

impl Text<'_, '_> {
    /// Writes the lines before a metric's samples.
    pub(super) fn head(&mut self, name: &str, kind: Kind, help: &str) -> fmt::Result {
        let kind = kind.name();
        writeln!(self.out, "# HELP multibin_{name} {help}\n# TYPE multibin_{name} {kind}")
    }

    /// Writes a metric of one sample.
    pub(super) fn single(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        value: &dyn Display,
    ) -> fmt::Result {
        self.head(name, kind, help)?;
        self.sample(name, &[], value)
    }

    /// Writes one sample with the labels of the caller, then its `own`.
    pub(super) fn sample(
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

/// Seconds, written as `1.0` or `1e-6`.
pub(super) struct Seconds(pub(super) f64);

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
