//! Counts what is read and moved, for the tests that bound it.

/// Counts the entries and heap items that are read or moved, so that tests can bound them.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    #[cfg(all(test, not(loom)))]
    count: std::cell::Cell<u64>,
}

#[cfg(all(test, not(loom)))]
impl Touched {
    pub(crate) fn add(&self, more: u64) {
        self.count.set(self.count.get() + more);
    }

    /// Returns the count since the last call.
    pub(crate) fn take(&self) -> u64 {
        self.count.take()
    }
}

#[cfg(not(all(test, not(loom))))]
impl Touched {
    #[expect(clippy::unused_self, reason = "it counts in tests alone")]
    #[inline]
    pub(crate) fn add(&self, _: u64) {}
}
