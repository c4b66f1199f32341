//! Requests that arrive, those of one bin together: what they share is looked up once.

use super::bins::{BinWriter, Written};
use super::former::Former;
use super::rules::Rules;
use super::waiting::{Entry, Slab};
use crate::request::{Row, Submission};

/// Enters requests into one bin.
pub(crate) struct Arrivals<'a> {
    writer: BinWriter<'a>,
    slab: &'a mut Slab,
    rules: &'a Rules,
    /// Rows taken so far.
    taken: u64,
    /// Entries so far that left.
    gone: u64,
    /// Entries so far of requests that had entered before.
    reentered: u64,
    /// One more than the highest sequence number so far.
    next_sequence: u64,
}

impl Arrivals<'_> {
    #[expect(clippy::inline_always, reason = "an entry is not copied on its way into the slab")]
    #[inline(always)]
    pub(crate) fn push(&mut self, submission: Submission) {
        let deadline = submission.deadline;
        // Tickets count arrivals, so this counts the entries of all kinds that came before.
        let sequence = submission.ticket + self.reentered;
        // An arrival that was published late may find later ones already taken.
        let ahead = sequence.saturating_sub(self.gone);
        let bypass_bound = self.rules.bypass_bound(self.taken, ahead);
        let entry = Entry { row: Row::from(submission), sequence, bypass_bound };
        let position = self.writer.push(self.slab, entry);
        self.next_sequence = self.next_sequence.max(sequence + 1);
        if deadline != u64::MAX {
            self.slab.expect_deadline(position);
        }
    }
}

impl Former {
    /// Lets `arrive` enter requests into `bin`; returns its result.
    #[inline]
    pub(crate) fn arrive<T>(
        &mut self,
        bin: usize,
        arrive: impl FnOnce(&mut Arrivals<'_>) -> T,
    ) -> T {
        let full = self.full.of(bin);
        let (taken, gone, reentered) = (self.taken, self.gone(), self.resubmitted + self.restarted);
        let Self { queues, slab, rules, next_sequence, .. } = self;
        let (result, Written { before, after }) = queues.write(bin, full, |writer| {
            let next = *next_sequence;
            let mut arrivals =
                Arrivals { writer, slab, rules, taken, gone, reentered, next_sequence: next };
            let result = arrive(&mut arrivals);
            *next_sequence = arrivals.next_sequence;
            result
        });
        self.entered[bin] += u64::from(after - before);
        self.changed.insert(bin);
        // In a heap any entry may be the new head, and within a budget complete a batch.
        let any = !self.rules.ranking.is_fifo() || full.budget.is_some();
        if after > before && (any || before == 0 || before < full.rows && after >= full.rows) {
            self.invalidate_head(bin);
        }
        result
    }

    /// Returns how many requests arrived in each bin since the last call or change of edges; `None`
    /// while predictions do not decide where they enter.
    pub(crate) fn take_entered(&mut self) -> Option<Vec<u64>> {
        let none = vec![0; self.bins()].into();
        let entered = std::mem::replace(&mut self.entered, none);
        self.predicted.then(|| entered.into_vec())
    }
}
