//! Collecting: published requests are moved from the rings into the queues, under the forming lock.

use super::inner::State;
use super::notifier::Notifier;
use super::withdrawn::Withdrawn;
use crate::policy::Arrivals;
use crate::request::Submission;

impl State {
    /// Collects from the dirty rings. Returns true if a position is left that a producer has
    /// claimed and not published.
    #[inline]
    pub(super) fn collect(&mut self, notifier: &Notifier) -> bool {
        let mut stalled = false;
        notifier.take_dirty(|bin| {
            let (_, left) = self.collect_bin(bin);
            stalled |= left;
            left
        });
        stalled
    }

    /// Collects from one ring. Returns how many requests, and true if a position is left that was
    /// claimed before and is not published.
    #[inline]
    pub(super) fn collect_bin(&mut self, bin: usize) -> (u64, bool) {
        if !self.withdrawn.is_empty() {
            return self.collect_others(bin);
        }
        self.pass(bin, |_, submission, arrivals| arrivals.push(submission))
    }

    /// Collects from one ring, and drops the entries of cancelled requests.
    #[cold]
    fn collect_others(&mut self, bin: usize) -> (u64, bool) {
        self.pass(bin, |withdrawn, submission, arrivals| {
            if !withdrawn.forget(submission.ticket) {
                arrivals.push(submission);
            }
        })
    }

    /// Passes the published requests of one ring to `each`.
    #[inline]
    fn pass(
        &mut self,
        bin: usize,
        each: impl Fn(&mut Withdrawn, Submission, &mut Arrivals<'_>),
    ) -> (u64, bool) {
        let Self { former, consumers, withdrawn, .. } = self;
        let consumer = &mut consumers[bin];
        let before = consumer.head();
        let left = former.arrive(bin, |arrivals| {
            consumer.pass(|submission| each(withdrawn, submission, arrivals))
        });
        let moved = consumer.head() - before;
        self.collected += moved;
        (moved, left)
    }
}
