//! A slot of a server.

use crate::costs::RunningRow;

/// A slot with its row, between two spans.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) request: u32,
    /// Tokens in the row's cache.
    pub(super) age: u32,
    /// Tokens of its prompt that a prefix cache has.
    pub(super) cached: u32,
    /// Steps that the row still takes, at least 1.
    pub(super) left: u32,
    /// True if the row has run no step.
    pub(super) new: bool,
}

impl Slot {
    /// Returns the row as a span of at most `steps` steps runs it.
    pub(super) fn running(self, steps: u32) -> RunningRow {
        RunningRow {
            age: self.age,
            steps: steps.min(self.left),
            new: self.new,
            cached: self.cached,
        }
    }
}
