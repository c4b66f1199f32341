//! Serving the line for room: its calls are admitted and published by the calls that free room.

use std::sync::Arc;

use super::inner::Inner;
use super::locks::{Panics, WakeList};
use super::waiters::{CallId, End, Piece, Rows};
use crate::request::Submission;

/// Fewer requests than this are published one by one, and not sorted by bin.
const FEW: usize = 16;

impl Inner {
    /// Puts a call into the line for room, and serves the line: there may be room by now.
    pub(super) fn enter_line(&self, rows: Arc<Rows>, wakes: &WakeList) -> CallId {
        let call = self.room.enter(rows, &self.admission, || self.earliest.get(), wakes);
        self.serve(wakes);
        call
    }

    /// Serves the line if there is one, after room was freed under the forming lock, which was
    /// released.
    #[inline]
    pub(super) fn serve_line(&self, wakes: &WakeList) {
        if self.admission.is_queued() {
            self.serve(wakes);
        }
    }

    /// Admits and publishes requests of the calls in the line while there is room, and wakes their
    /// waiters. The caller holds no lock. Blocking, as submitting is.
    #[cold]
    pub(super) fn serve(&self, wakes: &WakeList) {
        let panics = Panics::default();
        loop {
            let pieces = self.room.admit(&self.admission, wakes);
            if pieces.is_empty() {
                return;
            }
            for piece in &pieces {
                self.publish(piece, &panics);
            }
            let settled = WakeList::new();
            for tickets in self.room.published(&pieces, &settled) {
                self.cancel_all(tickets, &settled);
            }
            panics.keep(settled.fire());
        }
    }

    fn publish(&self, piece: &Piece, panics: &Panics) {
        let Piece { rows, range, first, .. } = piece;
        let Rows { keys, lengths, options, called } = &**rows;
        let wake = || self.wake_now(panics);
        if range.len() >= FEW {
            let options = options.get(range.clone()).unwrap_or_default();
            let rows = (&keys[range.clone()], &lengths[range.clone()], options);
            return self.push_many(*first, *called, rows, wake);
        }
        let arrival = self.now();
        for (i, ticket) in range.clone().zip(*first..) {
            let options = options.get(i).copied().unwrap_or_default();
            let submission = Submission::new(keys[i], ticket, *called, lengths[i], &options);
            let bin = self.bin_map.bin(lengths[i]);
            self.push(bin, Submission { arrival, ..submission }, wake);
        }
    }

    /// Takes a call out of the line, whose caller waits no longer. Cancels its requests if no
    /// caller reads the result, and serves the line: the calls behind may have room now.
    pub(super) fn leave_line(&self, call: CallId, end: End, wakes: &WakeList) {
        let tickets = self.room.end(call, end, &self.admission, wakes);
        if !tickets.is_empty() {
            self.cancel_all(tickets, wakes);
        }
        self.serve_line(wakes);
    }
}
