//! The batches of a cut that have not left yet.

use std::ops::Range;

/// The parts of the best cut, kept until something else changes what waits.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// By sorted entry of the window.
    parts: Vec<Range<usize>>,
    /// How many requests wait in the parts; `None` if there are others.
    waiting: Option<usize>,
    /// The entries so far that left the queues, these parts' included.
    gone: u64,
}

impl Plan {
    /// Keeps other parts. They are all that waits, or `waiting` is `None`. `gone`: the entries so
    /// far that left the queues.
    pub(crate) fn keep(
        &mut self,
        parts: impl Iterator<Item = Range<usize>>,
        waiting: Option<usize>,
        gone: u64,
    ) {
        self.parts.clear();
        self.parts.extend(parts);
        (self.waiting, self.gone) = (waiting, gone);
    }

    /// Returns true if the parts are all that waits: nothing arrived, and nothing but parts left.
    #[inline]
    pub(crate) fn holds(&self, waiting: usize, gone: u64) -> bool {
        (self.waiting, self.gone) == (Some(waiting), gone)
    }

    /// Takes the part that holds a sorted entry.
    pub(crate) fn take(&mut self, at: usize) -> Range<usize> {
        let holds = |part: &Range<usize>| part.contains(&at);
        let part = self.parts.iter().position(holds).expect("each entry is in a part");
        let part = self.parts.swap_remove(part);
        self.waiting = self.waiting.map(|waiting| waiting - part.len());
        self.gone += part.len() as u64;
        part
    }
}
