//! Everything that a simulation records.

use super::batches::BatchRecords;
use super::requests::RequestRecords;
use crate::adapt::{Adaptation, Event};

/// Everything that happened.
///
/// ```
/// use multibin::simulate::{Baseline, Records, Servers, Workload, simulate_baseline};
///
/// let nearest = Baseline::Nearest { batch_size: 8, light_load: true };
/// let servers = Servers::new(1, Default::default());
/// let nothing = simulate_baseline(&Workload::default(), &nearest, &servers)?;
/// assert_eq!(nothing, Records::default());
/// # Ok::<(), multibin::simulate::SimulateError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Records {
    /// By request, in the order of the workload.
    pub requests: RequestRecords,
    /// By batch, in the order in which they left.
    pub batches: BatchRecords,
    /// What adaptation did, in order of time.
    pub events: Vec<TimedEvent>,
    /// Counters of adaptation, and the gate's state at the end; `None` without adaptation.
    pub adaptation: Option<Adaptation>,
}

/// Everything that happened, except the columns of the requests, which are the caller's.
///
/// ```
/// use multibin::simulate::{Outcome, Records, RequestRecords};
///
/// let Outcome { batches, events, adaptation } = Outcome::default();
/// let requests = RequestRecords::default();
/// assert_eq!(Records { requests, batches, events, adaptation }, Records::default());
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// By batch, in the order in which they left.
    pub batches: BatchRecords,
    /// What adaptation did, in order of time.
    pub events: Vec<TimedEvent>,
    /// Counters of adaptation, and the gate's state at the end; `None` without adaptation.
    pub adaptation: Option<Adaptation>,
}

impl Outcome {
    /// Visits all times.
    pub(in crate::simulate) fn times(&mut self) -> impl Iterator<Item = &mut f64> {
        let batches = self.batches.start.iter_mut().chain(&mut self.batches.finish);
        batches.chain(self.events.iter_mut().map(|event| &mut event.time))
    }
}

/// Something that adaptation did when a batch ended.
///
/// ```
/// use multibin::Event;
/// use multibin::simulate::TimedEvent;
///
/// let closed = TimedEvent { time: 12.5, event: Event::Closed { gain: 0.9 } };
/// assert!(matches!(closed.event, Event::Closed { gain } if gain < 1.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimedEvent {
    /// The time, in seconds on the virtual clock.
    pub time: f64,
    /// What adaptation did.
    pub event: Event,
}
