//! Events of adaptation.

use std::fmt;

/// An event of adaptation.
///
/// ```
/// use multibin::Event;
///
/// let event = Event::Swapped { bins: 16, gain: 0.05 };
/// assert_eq!(event.to_string(), "edges swapped: 16 bins, 5.0 % more throughput");
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The gate closed: later requests go to the first bin.
    Closed {
        /// Gain of bins, as a factor.
        gain: f64,
    },
    /// The gate opened: later requests go to the bins of their predictions.
    Opened {
        /// Gain of bins, as a factor.
        gain: f64,
    },
    /// Other edges came into use.
    Swapped {
        /// Number of their bins.
        bins: usize,
        /// Their gain of throughput in saturation, as a share.
        gain: f64,
    },
}

impl Event {
    /// Returns the kind of the event: `closed`, `opened` or `swapped`.
    ///
    /// ```
    /// assert_eq!(multibin::Event::Closed { gain: 1.0 }.name(), "closed");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed",
            Self::Opened { .. } => "opened",
            Self::Swapped { .. } => "swapped",
        }
    }

    /// Returns the gain of bins as a factor or, for a swap, the gain of the edges as a share.
    ///
    /// ```
    /// assert_eq!(multibin::Event::Opened { gain: 1.5 }.gain(), 1.5);
    /// ```
    #[must_use]
    pub fn gain(self) -> f64 {
        match self {
            Self::Closed { gain } | Self::Opened { gain } | Self::Swapped { gain, .. } => gain,
        }
    }

    /// Returns the number of bins after a swap of edges, or `None` for other events.
    ///
    /// ```
    /// assert_eq!(multibin::Event::Swapped { bins: 16, gain: 0.05 }.bins(), Some(16));
    /// ```
    #[must_use]
    pub fn bins(self) -> Option<usize> {
        match self {
            Self::Swapped { bins, .. } => Some(bins),
            Self::Closed { .. } | Self::Opened { .. } => None,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { gain } => {
                write!(f, "gate closed: bins gain {gain:.3} x; new requests go to the first bin")
            }
            Self::Opened { gain } => write!(f, "gate opened: bins gain {gain:.3} x"),
            Self::Swapped { bins, gain } => {
                write!(f, "edges swapped: {bins} bins, {:.1} % more throughput", gain * 100.0)
            }
        }
    }
}
