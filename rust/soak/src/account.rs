//! A record of every request of a round. Each step is checked against the step before.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use multibin::{Options, Row, Ticket};

use crate::failure::{fail, require};
use crate::random::mix;
use crate::record::{Owner, Record, State};

/// The records of a round. A request is a number below their count; its key carries the round too.
pub struct Account {
    records: Box<[AtomicU64]>,
    round: u64,
    prioritised: bool,
}

impl Account {
    /// Allocates records for at most `max` requests a round.
    pub fn new(max: u32) -> Self {
        let records = (0..max).map(|_| AtomicU64::new(0)).collect();
        Self { records, round: 0, prioritised: false }
    }

    /// Clears all records. With `prioritised`, the requests of this round have priorities.
    pub fn begin(&mut self, round: u64, prioritised: bool) {
        for record in &mut self.records {
            *record.get_mut() = 0;
        }
        (self.round, self.prioritised) = (round, prioritised);
    }

    pub fn key(&self, request: u32) -> u64 {
        (self.round & 0xFFFF_FFFF) << 32 | u64::from(request)
    }

    fn request(&self, key: u64) -> u32 {
        let request = key as u32;
        let known = self.key(request) == key && (request as usize) < self.records.len();
        require(known, || format!("key {key:#x} was never submitted in round {}", self.round));
        request
    }

    /// Returns a length that depends on the key alone.
    pub fn length(key: u64) -> u32 {
        (mix(key) >> 57) as u32
    }

    /// Returns options that depend on the key alone: one request in eight expires within 2 ms.
    pub fn options(&self, key: u64) -> Options {
        let hash = mix(!key);
        let ttl = Duration::from_nanos((hash >> 43) >> (hash >> 8 & 15));
        let priority = if self.prioritised { (hash >> 3 & 3) as u32 } else { 0 };
        let options = Options::new().priority(priority);
        if hash.is_multiple_of(8) { options.ttl(ttl) } else { options }
    }

    pub fn record(&self, request: u32) -> Record {
        Record::unpack(self.records[request as usize].load(Ordering::Relaxed))
    }

    /// Replaces a record by what `step` makes of it, and returns the one before.
    ///
    /// Relaxed: a record depends on its own history alone.
    fn step(&self, request: u32, step: impl Fn(Record) -> Result<Record, String>) -> Record {
        let cell = &self.records[request as usize];
        let mut bits = cell.load(Ordering::Relaxed);
        loop {
            let before = Record::unpack(bits);
            let after = step(before).unwrap_or_else(|fault| {
                fail(&format!("round {}, request {request} {fault}: {before:?}", self.round))
            });
            let (success, failure) = (Ordering::Relaxed, Ordering::Relaxed);
            match cell.compare_exchange_weak(bits, after.pack(), success, failure) {
                Ok(_) => return before,
                Err(current) => bits = current,
            }
        }
    }

    /// Records that `submit` accepted the request, perhaps with its ticket. It may have been
    /// delivered since.
    pub fn accept(&self, request: u32, ticket: Option<Ticket>) {
        self.step(request, |record| {
            let record = ticket.map_or(Ok(record), |ticket| record.with_ticket(ticket))?;
            let first = !record.accepted;
            first.then_some(Record { accepted: true, ..record }).ok_or("is accepted twice".into())
        });
    }

    /// Records that `worker` took the row in a batch. Returns true if it restarted.
    pub fn deliver(&self, row: &Row, worker: Owner) -> bool {
        let request = self.request(row.key);
        self.check_row(row);
        let before = self.step(request, |record| {
            let record = record.with_ticket(row.ticket)?.moved(State::Waiting, State::Leased)?;
            check_progress(record, row.progress, worker)?;
            Ok(Record { owner: 0, progress: row.progress as u16, ..record })
        });
        row.progress < u32::from(before.progress)
    }

    fn check_row(&self, row: &Row) {
        let options = self.options(row.key);
        let unchanged = row.length == Self::length(row.key)
            && row.priority == options.priority
            && (row.deadline == u64::MAX) == options.ttl.is_none();
        require(unchanged, || format!("this is not what was submitted: {row:?}"));
    }

    /// Records that the row is about to be resubmitted to `owner`.
    pub fn climb(&self, row: &Row, progress: u32, owner: Owner) {
        self.step(self.request(row.key), |record| {
            let record = record.moved(State::Leased, State::Waiting)?;
            Ok(Record { owner, progress: progress as u16, ..record })
        });
    }

    /// Records that the row's lease is about to end.
    pub fn end(&self, row: &Row, end: State) {
        self.step(self.request(row.key), |record| record.moved(State::Leased, end));
    }

    /// Records that `cancel` returned true.
    pub fn cancel(&self, request: u32) {
        self.step(request, |record| record.moved(State::Waiting, State::Cancelled));
    }

    /// Records that this key was reported as expired.
    pub fn expire(&self, key: u64) {
        let possible = self.options(key).ttl.is_some();
        require(possible, || format!("key {key:#x} expired and has no deadline"));
        self.step(self.request(key), |record| {
            let record = record.moved(State::Waiting, State::Expired)?;
            let started = record.progress > 0;
            if started { Err("expired after it started".into()) } else { Ok(record) }
        });
    }

    /// Yields the accepted requests and their records.
    pub fn accepted(&self) -> impl Iterator<Item = (u32, Record)> {
        let requests = 0..self.records.len() as u32;
        let records = requests.map(|request| (request, self.record(request)));
        records.filter(|(request, record)| {
            let untouched = record.pack() == 0;
            require(untouched || record.accepted, || {
                format!("request {request} was refused and exists: {record:?}")
            });
            !untouched
        })
    }
}

/// Checks the progress of a delivered row. Only a climber of a worker that is gone may restart.
fn check_progress(record: Record, progress: u32, worker: Owner) -> Result<(), String> {
    let kept = progress == u32::from(record.progress);
    let possible = match record.owner {
        0 => kept,
        owner if owner == worker => kept,
        _ => progress == 0,
    };
    possible.then_some(()).ok_or_else(|| format!("has progress {progress} at worker {worker}"))
}
