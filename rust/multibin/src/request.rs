//! What goes through the scheduler.

/// Identifies an accepted request; later ones are larger.
pub type Ticket = u64;

/// What a producer hands over through a ring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Submission {
    pub(crate) key: u64,
    pub(crate) ticket: Ticket,
    /// Nanoseconds on the scheduler's clock.
    pub(crate) arrival: u64,
    /// Predicted steps.
    pub(crate) length: u32,
}

/// A request that waits or runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

/// Why a batch left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Elastic: fewer than 1.6 batches waited, so they left together whatever their bins.
    Few,
    /// A request was passed over too often, or waited longer than `max_wait`.
    Overdue,
    /// A bin held a full batch.
    Full,
    /// Elastic: no bin held a full batch; the oldest request led the nearest ones.
    Elastic,
    /// The scheduler is closed and what is left leaves.
    Drain,
}

impl Reason {
    /// Every reason, in the order of the rules.
    pub const ALL: [Self; 5] = [Self::Few, Self::Overdue, Self::Full, Self::Elastic, Self::Drain];

    /// The reason in one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Few => "few",
            Self::Overdue => "overdue",
            Self::Full => "full",
            Self::Elastic => "elastic",
            Self::Drain => "drain",
        }
    }
}
