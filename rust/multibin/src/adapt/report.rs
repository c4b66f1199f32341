//! The report of adaptation.

/// The report of adaptation: its counters, and the state of the gate.
///
/// ```
/// use multibin::{Adapt, Config, Edges, Scheduler};
///
/// let config = Config { adapt: Some(Adapt::default()), ..Config::new(8) };
/// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, config)?;
/// let report = scheduler.adaptation().unwrap();
/// assert_eq!((report.open, report.gain, report.fits), (true, None, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Adaptation {
    /// True while the gate is open: requests go to the bins of their predictions.
    pub open: bool,
    /// Gain of bins in the gate's last evaluation, as a factor.
    pub gain: Option<f64>,
    /// Number of times that the gate closed.
    pub closed: u64,
    /// Number of times that the gate opened, by its gain or because a caller set other edges.
    pub opened: u64,
    /// Fits of edges.
    pub fits: u64,
    /// Fits whose edges came into use.
    pub swaps: u64,
    /// Changes of the traffic that were found before the next fit was due.
    pub drifts: u64,
}

impl Default for Adaptation {
    /// Returns an open gate and counters of 0.
    fn default() -> Self {
        Self { open: true, gain: None, closed: 0, opened: 0, fits: 0, swaps: 0, drifts: 0 }
    }
}
