//! When requests arrive: an open or a closed loop.

/// When requests arrive.
///
/// ```
/// use multibin::simulate::Arrivals;
///
/// let open = Arrivals::At(vec![0, 5, 5]);
/// let closed = Arrivals::Users { count: 2, pauses: vec![1_000; 3] };
/// assert_eq!((open.len(), closed.len()), (3, 3));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrivals {
    /// An open loop: each request at its time, in nanoseconds. Times must not decrease.
    At(Vec<u64>),
    /// A closed loop: a user pauses, sends a request, waits until it completes, and repeats.
    Users {
        /// The number of users.
        count: usize,
        /// How long users pause (think times), in nanoseconds, in the order in which pauses begin:
        /// one for each request. Every user begins with a pause at time 0.
        pauses: Vec<u64>,
    },
}

impl Default for Arrivals {
    fn default() -> Self {
        Self::At(Vec::new())
    }
}

impl Arrivals {
    /// Returns the number of requests.
    ///
    /// ```
    /// use multibin::simulate::Arrivals;
    ///
    /// assert_eq!(Arrivals::At(vec![0, 5, 5]).len(), 3);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::At(times) => times.len(),
            Self::Users { pauses, .. } => pauses.len(),
        }
    }

    /// Returns true if no request arrives.
    ///
    /// ```
    /// use multibin::simulate::Arrivals;
    ///
    /// assert!(Arrivals::default().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
