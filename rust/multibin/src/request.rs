//! What goes through the scheduler.

use std::time::Duration;

use crate::time::nanoseconds;

/// Identifies an accepted request; later ones are larger.
pub type Ticket = u64;

/// Identifies a worker.
pub(crate) type WorkerId = u64;

/// What a producer hands over through a ring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Submission {
    pub(crate) key: u64,
    pub(crate) ticket: Ticket,
    /// Nanoseconds on the scheduler's clock.
    pub(crate) arrival: u64,
    /// Predicted steps.
    pub(crate) length: u32,
    pub(crate) cost: u32,
    pub(crate) priority: u32,
    /// Nanoseconds on the scheduler's clock; `u64::MAX`: none.
    pub(crate) deadline: u64,
}

impl Submission {
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

/// What else is known of a request; by default nothing.
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
    /// What counts in [`Budget::Sum`](crate::Budget::Sum); by default the length.
    pub cost: Option<u32>,
    /// How much it may wait for others: 0 is the most urgent. Needs
    /// [`Config::ageing`](crate::Config::ageing).
    pub priority: u32,
    /// If the request has not left in a batch by then, counted from now, it is not worth serving: it
    /// expires and is reported in [`Batch::expired`](crate::Batch::expired).
    pub ttl: Option<Duration>,
}

impl Options {
    /// Says nothing of a request.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what counts in [`Budget::Sum`](crate::Budget::Sum).
    #[must_use]
    pub fn cost(self, cost: u32) -> Self {
        Self { cost: Some(cost), ..self }
    }

    /// Sets how much the request may wait for others; 0 is the most urgent.
    #[must_use]
    pub fn priority(self, priority: u32) -> Self {
        Self { priority, ..self }
    }

    /// Sets how long the request may wait for its first batch before it expires.
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> Self {
        Self { ttl: Some(ttl), ..self }
    }
}

/// A request that was not served, since its time to live was over before it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expired {
    /// The caller's.
    pub key: u64,
    /// Given when the request was accepted.
    pub ticket: Ticket,
}

/// A request that waits or runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// The caller's.
    pub key: u64,
    /// Given when the request was accepted.
    pub ticket: Ticket,
    /// When it was accepted, in nanoseconds on the scheduler's clock.
    pub arrival: u64,
    /// When it last entered a queue, in nanoseconds on the scheduler's clock.
    pub entered: u64,
    /// Predicted steps in all.
    pub length: u32,
    /// Steps done since arrival; more than 0 only for a request that was resubmitted.
    pub progress: u32,
    /// As in [`Options`].
    pub cost: u32,
    /// As in [`Options`].
    pub priority: u32,
    /// When it expires if it has not started, in nanoseconds on the scheduler's clock; `u64::MAX`:
    /// never.
    pub deadline: u64,
}

impl Row {
    /// In a place where nobody waits.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Elastic: fewer than 1.6 batches waited, so they left together whatever their bins.
    LightLoad,
    /// A request was passed over too often, or waited longer than `max_wait`.
    Overdue,
    /// A bin held a full batch.
    Full,
    /// Elastic: no bin held a full batch; the oldest request led the nearest ones.
    Elastic,
    /// The scheduler is closed and what is left leaves.
    Drain,
    /// Nothing may leave; the batch has no rows and hands back who expired.
    Expired,
}

impl Reason {
    /// Every reason, in the order of the rules.
    pub const ALL: [Self; 6] =
        [Self::LightLoad, Self::Overdue, Self::Full, Self::Elastic, Self::Drain, Self::Expired];

    /// The reason in one word.
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
