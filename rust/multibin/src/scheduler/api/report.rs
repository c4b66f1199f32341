//! Finished requests are observed; counters and events are read.

use super::super::handle::Scheduler;
use super::super::locks::WakeList;
use crate::adapt::{Adaptation, Event};
use crate::stats::{Snapshot, Stats};

impl Scheduler {
    /// Observes a finished request: its predicted and its actual steps. Has no effect without
    /// [`Config::adapt`](crate::Config::adapt).
    ///
    /// Blocking, by a mutex that neither submitting nor forming takes. The gate looks again after
    /// an eighth of its window, at least 100 calls. Every 500th call looks for a drift. A look
    /// takes up to 3 ms. A fit of edges takes some milliseconds, on a thread that is started for
    /// it. Edges that change, and a gate that opens or closes, take the forming lock for as long as
    /// it takes to copy the bounds.
    ///
    /// ```
    /// use multibin::{Adapt, Config, Edges, Scheduler};
    ///
    /// let config = Config { adapt: Some(Adapt::default()), ..Config::new(4) };
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, config)?;
    /// scheduler.observe(40, 37);
    /// assert!(scheduler.adaptation().unwrap().open, "the gate is open");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn observe(&self, predicted: u32, actual: u32) {
        self.observe_many(&[predicted], &[actual]);
    }

    /// Observes finished requests, in this order; see [`Scheduler::observe`].
    ///
    /// ```
    /// use multibin::{Adapt, Config, Edges, Scheduler};
    ///
    /// let config = Config { adapt: Some(Adapt::default()), ..Config::new(4) };
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, config)?;
    /// scheduler.observe_many(&[40, 10], &[37, 12]);
    /// assert_eq!(scheduler.adaptation().unwrap().fits, 0, "too few for a fit");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If `predicted` and `actual` differ in length.
    pub fn observe_many(&self, predicted: &[u32], actual: &[u32]) {
        assert_eq!(predicted.len(), actual.len(), "predicted and actual differ in length");
        self.0.assert_not_forked();
        self.0.observe(predicted, actual);
    }

    /// Returns what adaptation did so far; `None` without [`Config::adapt`](crate::Config::adapt).
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(4))?;
    /// assert!(scheduler.adaptation().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn adaptation(&self) -> Option<Adaptation> {
        self.0.adapter(&WakeList::new()).map(|adapter| adapter.report())
    }

    /// Takes what adaptation did since the last call, at most the last 64 events.
    ///
    /// ```
    /// use multibin::{Adapt, Config, Edges, Scheduler};
    ///
    /// let config = Config { adapt: Some(Adapt::default()), ..Config::new(4) };
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, config)?;
    /// assert!(scheduler.events().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.0.adapter(&WakeList::new()).map_or_else(Vec::new, |mut adapter| adapter.events())
    }

    /// Returns the counters at one moment. Blocking: takes the forming lock.
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(4))?;
    /// scheduler.submit_many(&[7, 8], &[40, 10])?;
    /// let stats = scheduler.stats();
    /// assert_eq!((stats.submitted, stats.waiting, stats.leased), (2, 2, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.stats()
    }

    /// Returns all counters at one moment, with those of each bin and the histogram of waits.
    ///
    /// Blocking: takes the forming lock for O(bins × workers that hold climbers). Before that,
    /// requests expire whose time to live is over.
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(4))?;
    /// scheduler.submit_many(&[7, 8, 9], &[40, 10, 50])?;
    /// let bins = scheduler.snapshot().bins;
    /// assert_eq!(bins.iter().map(|bin| bin.waiting).collect::<Vec<_>>(), [1, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.0.snapshot()
    }
}
