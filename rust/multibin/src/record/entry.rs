//! What is recorded of a request.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What became of a request.
///
/// ```
/// assert_eq!(multibin::record::End::Cancelled.name(), "cancelled");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// It was served.
    Finished,
    /// Its time to live was over before it started.
    Expired,
    /// Its caller gave it up.
    Cancelled,
    /// Its work failed.
    Failed,
    /// Its batch was dropped before its end.
    Lost,
}

impl End {
    /// Every end.
    pub const ALL: [Self; 5] =
        [Self::Finished, Self::Expired, Self::Cancelled, Self::Failed, Self::Lost];

    /// Returns the word that a file has for it.
    ///
    /// ```
    /// assert_eq!(multibin::record::End::Finished.name(), "finished");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Lost => "lost",
        }
    }
}

/// One request that ended. It has counts and times, and no text.
///
/// ```
/// use std::time::Duration;
/// use multibin::record::{End, Record};
///
/// let record = Record { output_tokens: 12, ..Record::new(Duration::from_secs(1), End::Finished) };
/// assert_eq!((record.prompt_tokens, record.latency), (0, None));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// When it arrived, since the epoch of Unix.
    pub arrival: Duration,
    /// What became of it.
    pub end: End,
    /// Tokens of its prompt; 0: not known.
    pub prompt_tokens: u32,
    /// Output tokens that were predicted, if any prediction was made.
    pub predicted_tokens: Option<u32>,
    /// Output tokens that it had at its end; 0: none, or not known.
    pub output_tokens: u32,
    /// From its arrival to its first batch.
    pub wait: Option<Duration>,
    /// From its arrival to its first token.
    pub time_to_first_token: Option<Duration>,
    /// From its arrival to its end.
    pub latency: Option<Duration>,
}

impl Record {
    /// Returns a record of which nothing else is known.
    ///
    /// ```
    /// use std::time::Duration;
    /// use multibin::record::{End, Record};
    ///
    /// assert_eq!(Record::new(Duration::ZERO, End::Lost).output_tokens, 0);
    /// ```
    #[must_use]
    pub fn new(arrival: Duration, end: End) -> Self {
        Self {
            arrival,
            end,
            prompt_tokens: 0,
            predicted_tokens: None,
            output_tokens: 0,
            wait: None,
            time_to_first_token: None,
            latency: None,
        }
    }
}

/// Returns the time since the epoch of Unix.
pub(crate) fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
