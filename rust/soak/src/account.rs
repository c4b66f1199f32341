//! Every request of a round: each step of each is checked against the step before.

use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use multibin::{Options, Reason, Row, Ticket};

use crate::random::mix;
use crate::word::{Owner, State, Word};

/// Ends the program: the scheduler did what it must not.
pub fn fail(what: &str) -> ! {
    eprintln!("soak: {what}");
    process::exit(1);
}

/// Ends the program unless `holds`.
pub fn require(holds: bool, what: impl FnOnce() -> String) {
    if !holds {
        fail(&what());
    }
}

/// What a thread counted, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub accepted: u64,
    pub delivered: u64,
    pub resubmitted: u64,
    /// Climbers that came back without their progress.
    pub restarted: u64,
    pub done: u64,
    pub lost: u64,
    pub cancelled: u64,
    pub expired: u64,
    /// In the order of [`Reason::ALL`].
    pub batches: [u64; Reason::ALL.len()],
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.delivered += other.delivered;
        self.resubmitted += other.resubmitted;
        self.restarted += other.restarted;
        self.done += other.done;
        self.lost += other.lost;
        self.cancelled += other.cancelled;
        self.expired += other.expired;
        for (sum, count) in self.batches.iter_mut().zip(other.batches) {
            *sum += count;
        }
    }
}

/// A request is a number below `len`; its key carries the round too.
pub struct Account {
    words: Box<[AtomicU64]>,
    round: u64,
    prioritised: bool,
}

impl Account {
    /// Room for `most` requests a round.
    pub fn new(most: u32) -> Self {
        let words = (0..most).map(|_| AtomicU64::new(0)).collect();
        Self { words, round: 0, prioritised: false }
    }

    /// Forgets everything; requests of this round have priorities, or none has.
    pub fn begin(&mut self, round: u64, prioritised: bool) {
        for word in &mut self.words {
            *word.get_mut() = 0;
        }
        (self.round, self.prioritised) = (round, prioritised);
    }

    pub fn key(&self, request: u32) -> u64 {
        (self.round & 0xFFFF_FFFF) << 32 | u64::from(request)
    }

    fn request(&self, key: u64) -> u32 {
        let request = key as u32;
        let known = self.key(request) == key && (request as usize) < self.words.len();
        require(known, || format!("key {key:#x} was never submitted in round {}", self.round));
        request
    }

    /// A length that depends on the key alone.
    pub fn length(key: u64) -> u32 {
        (mix(key) >> 57) as u32
    }

    /// Options that depend on the key alone: one in eight has a deadline within 2 ms.
    pub fn options(&self, key: u64) -> Options {
        let hash = mix(!key);
        let after = Duration::from_nanos((hash >> 43) >> (hash >> 8 & 15));
        let priority = if self.prioritised { (hash >> 3 & 3) as u32 } else { 0 };
        let options = Options::new().priority(priority);
        if hash.is_multiple_of(8) { options.ttl(after) } else { options }
    }

    pub fn word(&self, request: u32) -> Word {
        Word::unpack(self.words[request as usize].load(Ordering::Relaxed))
    }

    /// One step of one request. Relaxed: each word is judged by its own history alone.
    fn step(&self, request: u32, step: impl Fn(Word) -> Result<Word, String>) -> Word {
        let cell = &self.words[request as usize];
        let mut bits = cell.load(Ordering::Relaxed);
        loop {
            let before = Word::unpack(bits);
            let after = step(before).unwrap_or_else(|what| {
                fail(&format!("round {}, request {request} {what}: {before:?}", self.round))
            });
            let (ok, seen) = (Ordering::Relaxed, Ordering::Relaxed);
            match cell.compare_exchange_weak(bits, after.pack(), ok, seen) {
                Ok(_) => return before,
                Err(now) => bits = now,
            }
        }
    }

    /// Its producer was told that it is in, and perhaps its ticket. It may be anywhere by now.
    pub fn accept(&self, request: u32, ticket: Option<Ticket>) {
        self.step(request, |word| {
            let word = ticket.map_or(Ok(word), |ticket| word.with_ticket(ticket))?;
            let once = !word.accepted;
            once.then_some(Word { accepted: true, ..word }).ok_or("is accepted twice".into())
        });
    }

    /// `worker` got it in a batch: whether it came back without its progress.
    pub fn deliver(&self, row: &Row, worker: Owner) -> bool {
        let request = self.request(row.key);
        self.check_row(row);
        let before = self.step(request, |word| {
            let word = word.with_ticket(row.ticket)?.moved(State::Waiting, State::Leased)?;
            check_progress(word, row.progress, worker)?;
            Ok(Word { owner: 0, progress: row.progress as u16, ..word })
        });
        row.progress < u32::from(before.progress)
    }

    fn check_row(&self, row: &Row) {
        let options = self.options(row.key);
        let same = row.length == Self::length(row.key)
            && row.priority == options.priority
            && (row.deadline == u64::MAX) == options.ttl.is_none();
        require(same, || format!("this is not what was submitted: {row:?}"));
    }

    /// It is about to be resubmitted, to `owner`.
    pub fn climb(&self, row: &Row, progress: u32, owner: Owner) {
        self.step(self.request(row.key), |word| {
            let word = word.moved(State::Leased, State::Waiting)?;
            Ok(Word { owner, progress: progress as u16, ..word })
        });
    }

    /// Its lease is about to end.
    pub fn end(&self, row: &Row, end: State) {
        self.step(self.request(row.key), |word| word.moved(State::Leased, end));
    }

    /// `cancel` said true.
    pub fn cancel(&self, request: u32) {
        self.step(request, |word| word.moved(State::Waiting, State::Cancelled));
    }

    /// A batch handed its key back.
    pub fn expire(&self, key: u64) {
        let possible = self.options(key).ttl.is_some();
        require(possible, || format!("key {key:#x} expired and has no deadline"));
        self.step(self.request(key), |word| {
            let word = word.moved(State::Waiting, State::Expired)?;
            let started = word.progress > 0;
            if started { Err("expired after it started".into()) } else { Ok(word) }
        });
    }

    /// The requests that were accepted, with what is known of them.
    pub fn accepted(&self) -> impl Iterator<Item = (u32, Word)> {
        let words = (0..self.words.len() as u32).map(|request| (request, self.word(request)));
        words.filter(|(request, word)| {
            let untouched = word.pack() == 0;
            require(untouched || word.accepted, || {
                format!("request {request} was refused and exists: {word:?}")
            });
            !untouched
        })
    }
}

/// Progress is kept by the worker that holds it, or by anybody; only who waited for a worker that
/// is gone starts anew.
fn check_progress(word: Word, progress: u32, worker: Owner) -> Result<(), String> {
    let kept = progress == u32::from(word.progress);
    let possible = match word.owner {
        0 => kept,
        owner if owner == worker => kept,
        _ => progress == 0,
    };
    possible.then_some(()).ok_or_else(|| format!("has progress {progress} at worker {worker}"))
}
