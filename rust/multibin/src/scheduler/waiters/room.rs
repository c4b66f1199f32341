//! The line for room: calls that wait for free capacity, in order of arrival.
//!
//! The call that frees room admits requests of the first call in the line and publishes them
//! itself. So a waiter that is slow to wake does not delay those behind it. While a call is in the
//! line, room goes to the line alone; [`Admission`] documents how a waiter and a call that frees
//! room meet. A call of more requests than there is room for is admitted in pieces. Nothing else is
//! admitted meanwhile, so its tickets are consecutive.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::task::Waker;

use super::super::admission::{Admission, Refused};
use super::super::bin_map::BLOCK;
use super::super::locks::{Lock, WakeList};
use super::timer::TimerThread;
use crate::request::{Options, Ticket};

/// Pieces that are admitted under one hold of the lock.
const PIECES: usize = 64;

/// Names a call; later ones are larger.
pub(crate) type CallId = u64;

/// The requests of one call.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) keys: Vec<u64>,
    pub(crate) lengths: Vec<u32>,
    /// One for each request, or none.
    pub(crate) options: Vec<Options>,
    /// When the call was made: times to live count from then.
    pub(crate) called: u64,
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }
}

/// A part of a call's requests, admitted and not yet published.
#[derive(Debug)]
pub(crate) struct Piece {
    call: CallId,
    pub(crate) rows: Arc<Rows>,
    pub(crate) range: Range<usize>,
    /// The ticket of its first request.
    pub(crate) first: Ticket,
}

/// Why no further request of a call is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    TimedOut,
    Closed,
    /// Its future was dropped: no caller reads its result.
    Dropped,
}

/// A call that has entered the line, until its result is read.
#[derive(Debug)]
struct Call {
    rows: Arc<Rows>,
    /// How many of its requests were admitted.
    admitted: usize,
    /// The ticket of the first one that was admitted.
    first: Option<Ticket>,
    /// How many of those that were admitted are not yet published.
    unpublished: usize,
    end: Option<End>,
    waker: Option<Waker>,
}

impl Call {
    fn is_settled(&self) -> bool {
        self.unpublished == 0 && (self.end.is_some() || self.admitted == self.rows.len())
    }

    fn tickets(&self) -> Range<Ticket> {
        self.first.map_or(0..0, |first| first..first + self.admitted as u64)
    }
}

/// The result of a call; `first` is the ticket of its first request that was accepted.
#[derive(Debug)]
pub(crate) enum Settled {
    Accepted { first: Ticket },
    Closed { accepted: usize, first: Option<Ticket> },
    Full { accepted: usize, first: Option<Ticket>, refused: u64 },
}

/// Where calls wait for room.
#[derive(Debug)]
pub(crate) struct Room(Lock<Line>);

#[derive(Debug)]
struct Line {
    calls: BTreeMap<CallId, Call>,
    /// The calls with requests that are not yet admitted, in order of arrival.
    queue: VecDeque<CallId>,
    next: CallId,
    timer: TimerThread,
}

impl Room {
    pub(crate) fn new(timer: TimerThread) -> Self {
        let (calls, queue) = (BTreeMap::new(), VecDeque::new());
        Self(Lock::new(Line { calls, queue, next: 0, timer }))
    }

    /// Puts a call into the line. The caller then serves the line: there may be room by now.
    /// `expiry` is asked after the line has been announced to `admission`.
    pub(crate) fn enter(
        &self,
        rows: Arc<Rows>,
        admission: &Admission,
        expiry: impl FnOnce() -> u64,
        wakes: &WakeList,
    ) -> CallId {
        let mut line = self.0.lock(wakes);
        let id = line.next;
        line.next += 1;
        let (admitted, first, unpublished, end, waker) = (0, None, 0, None, None);
        line.calls.insert(id, Call { rows, admitted, first, unpublished, end, waker });
        line.queue.push_back(id);
        admission.queue();
        line.timer.tick_by(expiry());
        id
    }

    /// Admits requests of the first calls while there is room.
    pub(crate) fn admit(&self, admission: &Admission, wakes: &WakeList) -> Vec<Piece> {
        self.0.lock(wakes).admit(admission, wakes)
    }

    /// Takes note that the pieces are published. Returns the tickets of calls whose future was
    /// dropped.
    pub(crate) fn published(&self, pieces: &[Piece], wakes: &WakeList) -> Vec<Range<Ticket>> {
        let mut line = self.0.lock(wakes);
        let mut unread = Vec::new();
        for piece in pieces {
            let call = line.calls.get_mut(&piece.call).expect("its requests are unpublished");
            call.unpublished -= piece.range.len();
            let tickets = line.settle(piece.call, wakes);
            unread.extend(Some(tickets).filter(|tickets| !tickets.is_empty()));
        }
        unread
    }

    /// Returns the result of a call, once, if the call is settled. Else stores the waker instead of
    /// an earlier one.
    pub(crate) fn read(
        &self,
        id: CallId,
        waker: Option<Waker>,
        wakes: &WakeList,
    ) -> Option<Settled> {
        let mut line = self.0.lock(wakes);
        let call = line.calls.get_mut(&id)?;
        if !call.is_settled() {
            if let Some(before) = waker.and_then(|waker| call.waker.replace(waker)) {
                wakes.discard(before);
            }
            return None;
        }
        let Call { rows, admitted, first, end, waker, .. } = line.calls.remove(&id)?;
        drop(line);
        if let Some(waker) = waker {
            wakes.discard(waker);
        }
        let (accepted, refused) = (admitted, (rows.len() - admitted) as u64);
        Some(match (first, end) {
            (Some(first), _) if refused == 0 => Settled::Accepted { first },
            (_, Some(End::Closed)) => Settled::Closed { accepted, first },
            _ => Settled::Full { accepted, first, refused },
        })
    }

    /// Ends a call and takes it out of the line. Returns the tickets to cancel.
    pub(crate) fn end(
        &self,
        id: CallId,
        end: End,
        admission: &Admission,
        wakes: &WakeList,
    ) -> Range<Ticket> {
        let mut line = self.0.lock(wakes);
        let tickets = line.end(id, end, wakes);
        line.left(admission);
        tickets
    }

    /// Ends all calls in the line: the scheduler is closed.
    pub(crate) fn close(&self, admission: &Admission, wakes: &WakeList) {
        let mut line = self.0.lock(wakes);
        line.close(wakes);
        line.left(admission);
    }

    /// Returns true if calls are in the line.
    pub(crate) fn has_line(&self, wakes: &WakeList) -> bool {
        !self.0.lock(wakes).queue.is_empty()
    }

    /// Ticks at `time`, when requests expire, if a call waits for their room.
    pub(crate) fn tick_by(&self, time: u64, wakes: &WakeList) {
        let line = self.0.lock(wakes);
        if !line.queue.is_empty() {
            line.timer.tick_by(time);
        }
    }
}

impl Line {
    fn admit(&mut self, admission: &Admission, wakes: &WakeList) -> Vec<Piece> {
        let mut pieces = Vec::new();
        while let Some(&id) = self.queue.front()
            && pieces.len() < PIECES
        {
            let call = self.calls.get_mut(&id).expect("a call in the line is kept");
            let wanted = (call.rows.len() - call.admitted).min(BLOCK);
            match admission.admit_queued(wanted as u64) {
                Ok((first, granted)) => {
                    let range = call.admitted..call.admitted + granted as usize;
                    call.first.get_or_insert(first);
                    call.admitted = range.end;
                    call.unpublished += range.len();
                    pieces.push(Piece { call: id, rows: Arc::clone(&call.rows), range, first });
                    if call.admitted == call.rows.len() {
                        self.queue.pop_front();
                    }
                }
                Err(Refused::Full) => break,
                Err(Refused::Closed) => self.close(wakes),
            }
        }
        self.left(admission);
        pieces
    }

    /// Opens the room to other calls if the line is empty, after calls left it.
    fn left(&self, admission: &Admission) {
        if self.queue.is_empty() {
            admission.unqueue();
        }
    }

    fn close(&mut self, wakes: &WakeList) {
        for id in std::mem::take(&mut self.queue) {
            self.end(id, End::Closed, wakes);
        }
    }

    /// Admits no further request of a call. Returns the tickets to cancel.
    fn end(&mut self, id: CallId, end: End, wakes: &WakeList) -> Range<Ticket> {
        let Some(call) = self.calls.get_mut(&id) else { return 0..0 };
        call.end = Some(end);
        if let Ok(at) = self.queue.binary_search(&id) {
            self.queue.remove(at);
        }
        self.settle(id, wakes)
    }

    /// Wakes the waiter if its call is settled. Returns the tickets of a call whose future was
    /// dropped.
    fn settle(&mut self, id: CallId, wakes: &WakeList) -> Range<Ticket> {
        let call = self.calls.get_mut(&id).expect("a call is kept until it is read");
        if !call.is_settled() {
            return 0..0;
        }
        if let Some(waker) = call.waker.take() {
            wakes.wake(waker);
        }
        if call.end != Some(End::Dropped) {
            return 0..0;
        }
        let tickets = call.tickets();
        self.calls.remove(&id);
        tickets
    }
}
