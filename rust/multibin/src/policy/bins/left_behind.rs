//! Strict fill: entries that a change of edges left behind, in bins that may never be full.

use super::owned::Bins;

impl Bins {
    /// Takes over from `other` which bins may be entered; nothing waits here yet.
    pub(super) fn with_live_bins_of(self, other: &Self) -> Self {
        Self { live: other.live, ..self }
    }

    /// Leaves entries behind after a change of edges, and reports every bin that is not empty.
    ///
    /// In bins that are `altered` these are the entries whose ranks in the bin are below `rank`. No
    /// entry enters the bins from `live` on any more.
    pub(super) fn leave_behind(
        &mut self,
        rank: u64,
        live: usize,
        altered: impl Fn(usize) -> bool,
        mut report: impl FnMut(usize),
    ) {
        self.live = live;
        let mut next = self.occupied.at_least(0);
        while let Some(bin) = next {
            if altered(bin) {
                self.left_behind.resize(self.queues.len(), 0);
                self.left_behind[bin] = rank;
            }
            report(bin);
            next = self.occupied.at_least(bin + 1);
        }
    }

    /// Returns true if a change of edges left the head of a bin behind.
    #[inline]
    pub(crate) fn is_left_behind(&self, bin: usize) -> bool {
        let left = if bin < self.live {
            self.left_behind.get(bin).copied().unwrap_or(0)
        } else {
            u64::MAX
        };
        self.queues[bin].head.rank_in_bin < left
    }

    /// Returns true if a change of edges left entries of a bin behind, or would any arrival there.
    pub(crate) fn may_be_left_behind(&self, bin: usize) -> bool {
        bin >= self.live || self.left_behind.get(bin).is_some_and(|&left| left > 0)
    }

    /// Ends what a change of edges did to a bin, which is empty.
    #[inline]
    pub(super) fn forget_left_behind(&mut self, bin: usize) {
        if let Some(left) = self.left_behind.get_mut(bin) {
            *left = 0;
        }
    }
}
