//! The producers' side.

use super::{BLOCK, Inner, Refused, SubmitError};
use crate::queue::Full;
use crate::request::{Submission, Ticket};

impl Inner {
    #[inline]
    pub(super) fn admit(&self, wanted: u64) -> Result<(Ticket, u64), SubmitError> {
        self.admission.admit(wanted).map_err(|refused| match refused {
            Refused::Full => SubmitError::Full { capacity: self.capacity, accepted: 0 },
            Refused::Closed => SubmitError::Closed,
        })
    }

    /// Publishes; returns the position after it.
    #[inline]
    pub(super) fn push(&self, bin: usize, mut submission: Submission) -> u64 {
        loop {
            match self.rings[bin].push(submission) {
                Ok(position) => return position + 1,
                Err(Full(back)) => submission = back,
            }
            self.make_room(bin);
        }
    }

    /// Sorts the rows by bin, block by block, and publishes each bin's at once.
    pub(super) fn enqueue(&self, first: Ticket, keys: &[u64], lengths: &[u32]) {
        let arrival = self.now();
        let mut sorted = Vec::with_capacity(keys.len().min(BLOCK));
        let mut first = first;
        for (keys, lengths) in keys.chunks(BLOCK).zip(lengths.chunks(BLOCK)) {
            let row = |i: usize| Submission {
                key: keys[i],
                ticket: first + i as u64,
                arrival,
                length: lengths[i],
            };
            let starts = self.sort(lengths, row, &mut sorted);
            for (bin, bounds) in starts.windows(2).enumerate() {
                self.push_block(bin, &sorted[bounds[0]..bounds[1]]);
            }
            first += keys.len() as u64;
        }
    }

    /// A counting sort: rows of one bin lie together and in order. Returns where each bin starts.
    fn sort(
        &self,
        lengths: &[u32],
        row: impl Fn(usize) -> Submission,
        sorted: &mut Vec<Submission>,
    ) -> Vec<usize> {
        let bins: Vec<u16> = lengths.iter().map(|&length| self.map.bin(length) as u16).collect();
        let mut starts = vec![0; self.rings.len() + 1];
        for &bin in &bins {
            starts[bin as usize + 1] += 1;
        }
        for bin in 1..starts.len() {
            starts[bin] += starts[bin - 1];
        }
        sorted.clear();
        sorted.resize(lengths.len(), row(0));
        let mut next = starts.clone();
        for (i, &bin) in bins.iter().enumerate() {
            let at = &mut next[bin as usize];
            sorted[*at] = row(i);
            *at += 1;
        }
        starts
    }

    fn push_block(&self, bin: usize, mut rows: &[Submission]) {
        while !rows.is_empty() {
            let Some((pushed, end)) = self.rings[bin].push_block(rows) else {
                self.make_room(bin);
                continue;
            };
            rows = &rows[pushed..];
            if self.bell.rings(bin, end) {
                self.wake_one();
            }
        }
    }

    /// Empties a full ring; if a stalled producer is in the way, gives it time.
    #[cold]
    fn make_room(&self, bin: usize) {
        if self.lock().drain_one(bin) == 0 {
            std::thread::yield_now();
        }
    }
}
