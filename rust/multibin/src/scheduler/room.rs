//! Room that is waited for: calls stand in a queue, and each call that frees room serves them.
//!
//! The call that frees room admits the first waiter's requests and publishes them itself, so no
//! waiter that is slow to wake holds up those behind it. While a call is queued, room goes to queued
//! calls alone, in the order in which they came; [`Admission`] says how a waiter and a call that
//! frees room meet. A call of more requests than there is room for is admitted piece by piece; as
//! nothing else is admitted meanwhile, its tickets follow one another.
//!
//! The lock of the queue is never held together with another one but the alarm's.

#[cfg(all(test, loom))]
mod loom_tests;
mod submit;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::task::Waker;

pub use self::submit::Submit;

use super::admission::Admission;
use super::alarm::Alarm;
use super::wakes::{Lock, Panics, WakeList};
use super::{BLOCK, Inner, Refused, SubmitError};
use crate::request::{Options, Submission, Ticket};

/// Pieces that are admitted under one hold of the lock.
const PIECES: usize = 64;
/// Fewer requests are published one by one, and not sorted by bin.
const FEW: usize = 16;

/// Names a call; later ones are larger.
type Place = u64;

/// The requests of one call.
#[derive(Debug)]
struct Rows {
    keys: Vec<u64>,
    lengths: Vec<u32>,
    /// One for each, or none.
    options: Vec<Options>,
    /// When the call was made: times to live count from then.
    called: u64,
}

impl Rows {
    fn len(&self) -> usize {
        self.keys.len()
    }
}

/// A part of a call's requests, admitted and not yet published.
#[derive(Debug)]
struct Piece {
    place: Place,
    rows: Arc<Rows>,
    range: Range<usize>,
    /// The ticket of the first of them.
    first: Ticket,
}

/// Why no further request of a call is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    TimedOut,
    Closed,
    /// Its future was dropped: no caller reads what came of it.
    Dropped,
}

/// A call that was queued, until its result is read.
#[derive(Debug)]
struct Call {
    rows: Arc<Rows>,
    /// How many were admitted, and the first ticket of these.
    admitted: usize,
    first: Option<Ticket>,
    /// How many of these are not yet published.
    flying: usize,
    end: Option<End>,
    waker: Option<Waker>,
}

impl Call {
    fn is_settled(&self) -> bool {
        self.flying == 0 && (self.end.is_some() || self.admitted == self.rows.len())
    }

    fn tickets(&self) -> Range<Ticket> {
        self.first.map_or(0..0, |first| first..first + self.admitted as u64)
    }
}

/// Where calls wait for room.
#[derive(Debug)]
pub(super) struct Room(Lock<Line>);

#[derive(Debug)]
struct Line {
    calls: BTreeMap<Place, Call>,
    /// Those of which requests are not yet admitted, in the order in which they came.
    queue: VecDeque<Place>,
    next: Place,
    alarm: Alarm,
}

impl Line {
    /// Admits requests of the first calls while there is room.
    fn admit(&mut self, admission: &Admission, wakes: &WakeList) -> Vec<Piece> {
        let mut pieces = Vec::new();
        while let Some(&place) = self.queue.front()
            && pieces.len() < PIECES
        {
            let call = self.calls.get_mut(&place).expect("a queued call is kept");
            let wanted = (call.rows.len() - call.admitted).min(BLOCK);
            match admission.admit_queued(wanted as u64) {
                Ok((first, granted)) => {
                    let range = call.admitted..call.admitted + granted as usize;
                    call.first.get_or_insert(first);
                    call.admitted = range.end;
                    call.flying += range.len();
                    pieces.push(Piece { place, rows: Arc::clone(&call.rows), range, first });
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

    /// After calls left the queue.
    fn left(&self, admission: &Admission) {
        if self.queue.is_empty() {
            admission.unqueue();
        }
    }

    fn close(&mut self, wakes: &WakeList) {
        for place in std::mem::take(&mut self.queue) {
            self.end(place, End::Closed, wakes);
        }
    }

    /// No further request of the call is admitted, unless all were.
    fn end(&mut self, place: Place, end: End, wakes: &WakeList) -> Range<Ticket> {
        let Some(call) = self.calls.get_mut(&place) else { return 0..0 };
        call.end = Some(end);
        if let Ok(at) = self.queue.binary_search(&place) {
            self.queue.remove(at);
        }
        self.settle(place, wakes)
    }

    /// Wakes the waiter if its call is settled. Returns the tickets for which no call will ask.
    fn settle(&mut self, place: Place, wakes: &WakeList) -> Range<Ticket> {
        let call = self.calls.get_mut(&place).expect("a call is kept until it is read");
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
        self.calls.remove(&place);
        tickets
    }
}

impl Room {
    pub(super) fn new(alarm: Alarm) -> Self {
        let (calls, queue) = (BTreeMap::new(), VecDeque::new());
        Self(Lock::new(Line { calls, queue, next: 0, alarm }))
    }

    /// Returns true if calls are queued.
    pub(super) fn has_queue(&self, wakes: &WakeList) -> bool {
        !self.0.lock(wakes).queue.is_empty()
    }

    /// Sees to it that room which expires at `time` goes to a queued call.
    pub(super) fn set_alarm(&self, time: u64, wakes: &WakeList) {
        let line = self.0.lock(wakes);
        if !line.queue.is_empty() {
            line.alarm.set(time);
        }
    }
}

impl Inner {
    /// Queues a call, and serves the queue: there may be room by now.
    fn queue(&self, rows: Arc<Rows>, wakes: &WakeList) -> Place {
        let mut line = self.room.0.lock(wakes);
        let place = line.next;
        line.next += 1;
        let (admitted, first, flying, end, waker) = (0, None, 0, None, None);
        line.calls.insert(place, Call { rows, admitted, first, flying, end, waker });
        line.queue.push_back(place);
        self.admission.queue();
        line.alarm.set(self.earliest.get());
        drop(line);
        self.serve(wakes);
        place
    }

    /// Serves calls that are queued, after room was freed under the forming lock, which is left.
    #[inline]
    pub(super) fn serve_queued(&self, wakes: &WakeList) {
        if self.admission.is_queued() {
            self.serve(wakes);
        }
    }

    /// Admits and publishes requests of queued calls while there is room, and tells their waiters.
    /// The caller holds no lock. Blocking, as [`Scheduler::submit`](super::Scheduler::submit) is.
    #[cold]
    pub(super) fn serve(&self, wakes: &WakeList) {
        let panics = Panics::default();
        loop {
            let pieces = self.room.0.lock(wakes).admit(&self.admission, wakes);
            if pieces.is_empty() {
                return;
            }
            for piece in &pieces {
                self.publish(piece, &panics);
            }
            let told = WakeList::new();
            for tickets in self.land(&pieces, &told) {
                self.cancel_all(tickets, &told);
            }
            panics.keep(told.fire());
        }
    }

    /// The pieces are published. Returns the tickets for which no call will ask.
    fn land(&self, pieces: &[Piece], wakes: &WakeList) -> Vec<Range<Ticket>> {
        let mut line = self.room.0.lock(wakes);
        let mut unread = Vec::new();
        for piece in pieces {
            let call = line.calls.get_mut(&piece.place).expect("its requests are in flight");
            call.flying -= piece.range.len();
            let tickets = line.settle(piece.place, wakes);
            unread.extend(Some(tickets).filter(|tickets| !tickets.is_empty()));
        }
        unread
    }

    fn publish(&self, piece: &Piece, panics: &Panics) {
        let Piece { rows, range, first, .. } = piece;
        let Rows { keys, lengths, options, called } = &**rows;
        let wake = || self.wake_now(panics);
        if range.len() >= FEW {
            let options = options.get(range.clone()).unwrap_or_default();
            let rows = (&keys[range.clone()], &lengths[range.clone()], options);
            return self.enqueue(*first, *called, rows, wake);
        }
        let arrival = self.now();
        for (i, ticket) in range.clone().zip(*first..) {
            let options = options.get(i).copied().unwrap_or_default();
            let submission = Submission::new(keys[i], ticket, *called, lengths[i], &options);
            let bin = self.map.bin(lengths[i]);
            self.push(bin, Submission { arrival, ..submission }, wake);
        }
    }

    /// The result of a call, which is read once; else leaves the waker.
    fn read(
        &self,
        place: Place,
        waker: Option<Waker>,
        wakes: &WakeList,
    ) -> Option<Result<Ticket, SubmitError>> {
        let mut line = self.room.0.lock(wakes);
        let call = line.calls.get_mut(&place)?;
        if !call.is_settled() {
            let before = match waker {
                Some(waker) => call.waker.replace(waker),
                None => None,
            };
            if let Some(before) = before {
                wakes.discard(before);
            }
            return None;
        }
        let Call { rows, admitted, first, end, waker, .. } = line.calls.remove(&place)?;
        drop(line);
        if let Some(waker) = waker {
            wakes.discard(waker);
        }
        let left = (rows.len() - admitted) as u64;
        Some(match (first, end) {
            (Some(first), _) if left == 0 => Ok(first),
            (_, Some(End::Closed)) => Err(SubmitError::Closed { accepted: admitted, first }),
            _ => Err(self.full(admitted, first, left)),
        })
    }

    /// The caller waits no longer: its call leaves the queue. Those behind it may have room now.
    fn stop_waiting(&self, place: Place, end: End, wakes: &WakeList) {
        let mut line = self.room.0.lock(wakes);
        let tickets = line.end(place, end, wakes);
        line.left(&self.admission);
        drop(line);
        if !tickets.is_empty() {
            self.cancel_all(tickets, wakes);
        }
        self.serve_queued(wakes);
    }

    /// The scheduler is closed: queued calls end.
    pub(super) fn close_room(&self, wakes: &WakeList) {
        let mut line = self.room.0.lock(wakes);
        line.close(wakes);
        line.left(&self.admission);
    }
}
