//! What the producers of records and the writer know of each other.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::fork::Generation;
use crate::sync::{AtomicU64, Ordering};

/// The recordings of this process. The lock is held for moments, and no other one under it.
static LIVE: Mutex<Vec<Weak<Progress>>> = Mutex::new(Vec::new());

/// Counts of records, and whether the writer goes on.
#[derive(Debug)]
pub(super) struct Progress {
    generation: Generation,
    /// Records that have a place in the queue, or had.
    accepted: AtomicU64,
    /// Records that left the queue.
    taken: AtomicU64,
    /// Records for which there was no room, or that came after the end.
    refused: AtomicU64,
    /// The lock is held for moments: neither while a file is written nor while Python runs.
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Seen {
    /// Records in the files.
    written: u64,
    /// A flush waits.
    hurry: bool,
    /// The recording is closed: the writer ends when the queue is empty.
    closed: bool,
    /// The writer has ended.
    over: bool,
    /// Why it ended early.
    failure: Option<String>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            generation: Generation::current(),
            accepted: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            seen: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Returns true in a child of the process that made it.
    pub(super) fn is_forked(&self) -> bool {
        self.generation.is_over()
    }

    /// Takes room for records in a queue of `most`; returns false if there is not enough.
    pub(super) fn admit(&self, records: u64, most: u64) -> bool {
        // Relaxed: a writer that takes records meanwhile makes more room, not less.
        let end = self.taken.load(Ordering::Relaxed) + most;
        let admitted = |accepted: u64| Some(accepted + records).filter(|&after| after <= end);
        // Release: pairs with the Acquire load in `wait`, in a thread that was told of the record.
        let order = (Ordering::Release, Ordering::Relaxed);
        let has_room = self.accepted.fetch_update(order.0, order.1, admitted).is_ok();
        if !has_room {
            self.refused.fetch_add(records, Ordering::Relaxed);
        }
        has_room
    }

    /// Gives the room of records back, as the writer has ended, and counts them.
    pub(super) fn refuse(&self, records: u64) {
        self.accepted.fetch_sub(records, Ordering::Relaxed);
        self.refused.fetch_add(records, Ordering::Relaxed);
    }

    /// Notes that records left the queue.
    pub(super) fn take(&self, records: u64) {
        // Relaxed: it only makes room.
        self.taken.fetch_add(records, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Notes records that were written.
    pub(super) fn settle(&self, records: u64) {
        if records > 0 {
            self.change(|seen| seen.written += records);
        }
    }

    /// Notes that nothing more is written.
    pub(super) fn end(&self, failure: Option<String>) {
        self.change(|seen| (seen.over, seen.failure) = (true, failure));
    }

    pub(super) fn close(&self) {
        self.change(|seen| seen.closed = true);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Lets records come for a while, unless a flush waits. Returns false once it is closed.
    pub(super) fn pause(&self, longest: Duration) -> bool {
        let goes_on = |seen: &mut Seen| !seen.hurry && !seen.closed;
        let waited = self.changed.wait_timeout_while(self.lock(), longest, goes_on);
        let (mut seen, _) = waited.unwrap_or_else(PoisonError::into_inner);
        seen.hurry = false;
        !seen.closed
    }

    /// Waits until all that was accepted is in the file, or the writer has ended, or `longest`.
    /// Returns false in the last case.
    pub(super) fn wait(&self, longest: Duration) -> bool {
        // Acquire: pairs with the Release addition in `count`.
        let accepted = self.accepted.load(Ordering::Acquire);
        let mut seen = self.lock();
        seen.hurry |= seen.written < accepted;
        self.changed.notify_all();
        let waits = |seen: &mut Seen| seen.written < accepted && !seen.over;
        let waited = self.changed.wait_timeout_while(seen, longest, waits);
        let (seen, _) = waited.unwrap_or_else(PoisonError::into_inner);
        seen.over || seen.written >= accepted
    }

    /// Waits until the writer has ended, or `longest`. Returns true if it has.
    pub(super) fn wait_for_end(&self, longest: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), longest, |seen| !seen.over);
        let (seen, _) = waited.unwrap_or_else(PoisonError::into_inner);
        seen.over
    }

    pub(super) fn written(&self) -> u64 {
        self.lock().written
    }

    /// Returns how many records are in no file, and will be in none.
    pub(super) fn dropped(&self) -> u64 {
        let seen = self.lock();
        let refused = self.refused.load(Ordering::Relaxed);
        if !seen.over {
            return refused;
        }
        refused + self.accepted.load(Ordering::Acquire).saturating_sub(seen.written)
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.lock().failure.clone()
    }
}

/// Lets [`live`] find a recording.
pub(super) fn register(progress: Weak<Progress>) {
    if let Some(mut live) = recordings() {
        live.retain(|other| other.strong_count() > 0);
        live.push(progress);
    }
}

/// Returns the recordings of this process whose writers may have work left.
pub(super) fn live() -> Vec<Weak<Progress>> {
    recordings().map_or_else(Vec::new, |live| live.clone())
}

/// Takes the lock of the list. A fork may leave it to a child as held, so it is not waited for
/// without end.
fn recordings() -> Option<MutexGuard<'static, Vec<Weak<Progress>>>> {
    let end = Instant::now() + Duration::from_millis(200);
    loop {
        match LIVE.try_lock() {
            Ok(live) => return Some(live),
            Err(std::sync::TryLockError::Poisoned(live)) => return Some(live.into_inner()),
            Err(_) if Instant::now() > end => return None,
            Err(_) => std::thread::sleep(Duration::from_micros(50)),
        }
    }
}
