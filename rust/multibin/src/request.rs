//! Requests, as they pass through the scheduler.

use std::time::Duration;

use crate::time::nanoseconds;

/// Identifies an accepted request; later ones are larger.
pub type Ticket = u64;

/// Identifies a worker.
pub(crate) type WorkerId = u64;

/// A request in a ring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Submission {
    pub(crate) key: u64,
    pub(crate) ticket: Ticket,
    /// Nanoseconds on the scheduler's clock.
    pub(crate) arrival: u64,
    /// Predicted steps.
    pub(crate) length: u32,
    /// What counts in a budget of costs.
    pub(crate) cost: u32,
    pub(crate) priority: u32,
    /// Nanoseconds on the scheduler's clock; `u64::MAX`: none.
    pub(crate) deadline: u64,
}

impl Submission {
    /// Makes a submission whose time to live counts from `arrival`.
    #[inline]
    pub(crate) fn new(
        key: u64,
        ticket: Ticket,
        arrival: u64,
        length: u32,
        options: &Options,
    ) -> Self {
        let expires = |after| arrival.saturating_add(nanoseconds(after));
        let deadline = options.ttl.map_or(u64::MAX, expires);
        let cost = options.cost.unwrap_or(length);
        Self { key, ticket, arrival, length, cost, priority: options.priority, deadline }
    }
}

/// Options of a request; none by default.
///
/// ```
/// use std::time::Duration;
/// use multibin::Options;
///
/// let options = Options::new().priority(1).ttl(Duration::from_secs(30));
/// assert_eq!((options.cost, options.priority), (None, 1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Options {
    /// The cost in [`Budget::Sum`](crate::Budget::Sum); by default the length.
    pub cost: Option<u32>,
    /// How much the request may wait for others: 0 is the most urgent. Above 0 it needs
    /// [`Config::ageing`](crate::Config::ageing).
    pub priority: u32,
    /// The time to live, from submission until the request leaves in its first batch. After it the
    /// request expires, and is reported in [`Batch::expired`](crate::Batch::expired).
    pub ttl: Option<Duration>,
}

impl Options {
    /// Returns options that are all unset.
    ///
    /// ```
    /// let options = multibin::Options::new();
    /// assert_eq!((options.cost, options.priority, options.ttl), (None, 0, None));
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the cost in [`Budget::Sum`](crate::Budget::Sum).
    ///
    /// ```
    /// assert_eq!(multibin::Options::new().cost(12).cost, Some(12));
    /// ```
    #[must_use]
    pub fn cost(self, cost: u32) -> Self {
        Self { cost: Some(cost), ..self }
    }

    /// Sets how much the request may wait for others; 0 is the most urgent.
    ///
    /// ```
    /// assert_eq!(multibin::Options::new().priority(2).priority, 2);
    /// ```
    #[must_use]
    pub fn priority(self, priority: u32) -> Self {
        Self { priority, ..self }
    }

    /// Sets how long the request may wait for its first batch before it expires.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let options = multibin::Options::new().ttl(Duration::from_secs(1));
    /// assert_eq!(options.ttl, Some(Duration::from_secs(1)));
    /// ```
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> Self {
        Self { ttl: Some(ttl), ..self }
    }
}

/// A request that was not served: its time to live was over before it started.
///
/// ```
/// use std::time::Duration;
/// use multibin::{Config, Edges, Options, Scheduler};
///
/// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(4))?;
/// let ticket = scheduler.submit_with(7, 3, &Options::new().ttl(Duration::ZERO))?;
/// let expired = scheduler.expired()[0];
/// assert_eq!((expired.key, expired.ticket), (7, ticket));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expired {
    /// The key that the caller chose.
    pub key: u64,
    /// The ticket that the caller got when the request was accepted.
    pub ticket: Ticket,
    /// When it was accepted, in nanoseconds on the scheduler's clock.
    pub arrival: u64,
    /// Predicted steps.
    pub length: u32,
}

/// A request that waits or runs; in [`Batch::rows`](crate::Batch::rows), one of a batch.
///
/// ```
/// use multibin::{Config, Edges, Scheduler};
///
/// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(4))?;
/// let ticket = scheduler.submit(7, 3)?;
/// let row = scheduler.worker().next_batch(None)?.rows()[0];
/// assert_eq!((row.key, row.ticket, row.length, row.progress), (7, ticket, 3, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// The key that the caller chose.
    pub key: u64,
    /// The ticket that the caller got when the request was accepted.
    pub ticket: Ticket,
    /// When it was accepted, in nanoseconds on the scheduler's clock.
    pub arrival: u64,
    /// When it last entered a queue, in nanoseconds on the scheduler's clock.
    pub entered: u64,
    /// Predicted steps from start to end.
    pub length: u32,
    /// Steps done since arrival; more than 0 only for a request that was resubmitted.
    pub progress: u32,
    /// The cost in [`Budget::Sum`](crate::Budget::Sum): that of its [`Options`], or the length.
    pub cost: u32,
    /// How much it may wait for others; 0 is the most urgent.
    pub priority: u32,
    /// When it expires if it has not started, in nanoseconds on the scheduler's clock; `u64::MAX`:
    /// never.
    pub deadline: u64,
}

impl Row {
    /// Fills a slab entry that no request is in.
    pub(crate) const NONE: Self = Self {
        key: 0,
        ticket: 0,
        arrival: 0,
        entered: 0,
        length: 0,
        progress: 0,
        cost: 0,
        priority: 0,
        deadline: 0,
    };
}

impl From<Submission> for Row {
    #[inline]
    fn from(submission: Submission) -> Self {
        let Submission { key, ticket, arrival, length, cost, priority, deadline } = submission;
        let (entered, progress) = (arrival, 0);
        Self { key, ticket, arrival, entered, length, progress, cost, priority, deadline }
    }
}

/// Why a batch left.
///
/// ```
/// use multibin::{Config, Edges, Reason, Scheduler};
///
/// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(4))?;
/// scheduler.submit(7, 3)?;
/// let reason = scheduler.worker().next_batch(None)?.reason();
/// assert_eq!((reason, reason.name()), (Reason::LightLoad, "light_load"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Elastic: fewer than 1.6 batches waited, so they left together, from whichever bins.
    LightLoad,
    /// A request was bypassed too often, or waited longer than `max_wait`.
    Overdue,
    /// A bin held a full batch.
    Full,
    /// Elastic: no bin held a full batch; the oldest request led the nearest ones.
    Elastic,
    /// The scheduler is closed, and the requests that are left leave.
    Drain,
    /// No request may leave; the batch has no rows and reports requests that expired.
    Expired,
}

impl Reason {
    /// Every reason, in the order of the rules.
    pub const ALL: [Self; 6] =
        [Self::LightLoad, Self::Overdue, Self::Full, Self::Elastic, Self::Drain, Self::Expired];

    /// Returns the name of the reason.
    ///
    /// ```
    /// assert_eq!(multibin::Reason::Full.name(), "full");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LightLoad => "light_load",
            Self::Overdue => "overdue",
            Self::Full => "full",
            Self::Elastic => "elastic",
            Self::Drain => "drain",
            Self::Expired => "expired",
        }
    }
}
