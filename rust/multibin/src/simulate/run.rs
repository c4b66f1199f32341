//! The event loop: arrivals, ends of batches, deadlines; an idle server asks for a batch.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::arrivals::Source;
use super::clock::{nanoseconds, reached, seconds};
use super::error::SimulateError;
use super::records::{BatchRecord, Outcome, Recorder, RequestColumns, TimedEvent};
use super::workload::{Servers, Workload};
use crate::adapt::Adaptation;
use crate::config::Overrun;
use crate::costs::Completion;
use crate::costs::{RunningRow, Timing};
use crate::policy::{Formed, Former};
use crate::request::WorkerId;
use crate::request::{Row, Submission};

/// What forms batches: the shipped former, or something to compare it with.
pub(super) trait Policy {
    /// A request arrives; its ticket is its position in the workload. Whether a batch may leave now
    /// that could not before.
    fn arrive(&mut self, submission: Submission) -> bool;
    /// The next batch for `server`, if one may leave now. `closed`: nothing more will arrive. At
    /// most `starts` of its rows are new.
    fn form(&mut self, now: u64, server: WorkerId, closed: bool, starts: usize) -> Option<Formed>;
    /// A row of `server`'s last batch is unfinished; `admitted` requests have arrived so far.
    fn climb(&mut self, row: Row, server: WorkerId, admitted: u64);
    /// A request is finished at `now`; `actual` steps are what it took.
    fn finished(&mut self, _predicted: u32, _actual: u32, _now: u64) {}
    /// When a batch for `server` may become possible although nothing happens.
    fn deadline(&self, server: WorkerId) -> Option<u64>;
    /// Takes what adaptation did so far.
    fn events(&mut self) -> Vec<TimedEvent> {
        Vec::new()
    }
    /// What adaptation did in all; `None` without any.
    fn adaptation(&self) -> Option<Adaptation> {
        None
    }
}

impl Policy for Former {
    #[inline]
    fn arrive(&mut self, submission: Submission) -> bool {
        let bin = self.bin(submission.length);
        Former::arrive(self, bin, |arrivals| arrivals.push(submission));
        self.arrival_matters(bin)
    }

    fn form(&mut self, now: u64, server: WorkerId, closed: bool, starts: usize) -> Option<Formed> {
        Former::form(self, now, server, closed, starts)
    }

    fn climb(&mut self, row: Row, server: WorkerId, admitted: u64) {
        if !self.has_worker(server) {
            self.add_worker(server);
        }
        Former::climb(self, row, Some(server), admitted);
    }

    fn deadline(&self, server: WorkerId) -> Option<u64> {
        Former::deadline(self, server)
    }
}

/// A simulation while it runs.
pub(super) struct Run<'a, P> {
    policy: P,
    workload: &'a Workload,
    servers: &'a Servers,
    overrun: Overrun,
    now: u64,
    source: Source<'a>,
    idle: BTreeSet<WorkerId>,
    /// Ends of the running batches.
    ends: BinaryHeap<Reverse<(u64, WorkerId)>>,
    /// By server, the rows of its batch that will be unfinished, and those that will be finished.
    climbers: Vec<Vec<Row>>,
    finished: Vec<Vec<Row>>,
    /// By server, rows with state that wait.
    parked: Vec<usize>,
    records: Recorder<'a>,
    /// Scratch space of the batch that starts.
    running: Vec<RunningRow>,
    row_ends: Vec<f64>,
}

impl<'a, P: Policy> Run<'a, P> {
    pub(super) fn new(
        policy: P,
        workload: &'a Workload,
        servers: &'a Servers,
        overrun: Overrun,
        requests: RequestColumns<'a>,
    ) -> Self {
        Self {
            policy,
            workload,
            servers,
            overrun,
            now: 0,
            source: Source::new(&workload.arrivals),
            idle: (0..servers.count as u64).collect(),
            ends: BinaryHeap::new(),
            climbers: vec![Vec::new(); servers.count],
            finished: vec![Vec::new(); servers.count],
            parked: vec![0; servers.count],
            records: Recorder::new(requests),
            running: Vec::new(),
            row_ends: Vec::new(),
        }
    }

    /// Plays until nothing happens any more.
    pub(super) fn play(mut self) -> Result<Outcome, SimulateError> {
        while let Some(next) = self.next_event() {
            self.now = reached(next)?;
            let stirred = self.arrive();
            // An event that is no arrival is the end of a batch or a deadline.
            if self.end_batches() || stirred || self.servers.drain && self.source.all_arrived() {
                self.start_batches();
            }
        }
        let (events, adaptation) = (self.policy.events(), self.policy.adaptation());
        Ok(Outcome { batches: self.records.batches, events, adaptation })
    }

    /// When the next thing happens. While no server is idle, arrivals only wait: they are taken
    /// together with the next end of a batch.
    fn next_event(&self) -> Option<u64> {
        let end = self.ends.peek().map(|&Reverse((time, _))| time);
        if self.idle.is_empty() {
            return end;
        }
        let arrival = self.source.peek();
        let deadlines = self.idle.iter().filter_map(|&server| self.policy.deadline(server));
        // What is overdue already and did not leave waits for something else.
        let deadline = deadlines.filter(|&time| time > self.now).min();
        [arrival, end, deadline].into_iter().flatten().min()
    }

    /// Whether a batch may leave that could not before.
    fn arrive(&mut self) -> bool {
        let before = self.source.arrived();
        let mut stirred = false;
        while let Some((i, arrival)) = self.source.next(self.now) {
            self.records.requests.arrival[i] = seconds(arrival);
            stirred |= self.policy.arrive(Submission {
                key: i as u64,
                ticket: i as u64,
                arrival,
                length: self.workload.predicted[i],
                cost: self.workload.predicted[i],
                priority: 0,
                deadline: u64::MAX,
            });
            // With a server idle each arrival may leave at once, before the next one comes.
            if stirred && !self.idle.is_empty() && !self.source.all_arrived() {
                self.start_batches();
                stirred = false;
            }
        }
        stirred || self.source.arrived() == before
    }

    /// Whether any batch ended.
    fn end_batches(&mut self) -> bool {
        let before = self.ends.len();
        while let Some(&Reverse((time, server))) = self.ends.peek() {
            if time > self.now {
                break;
            }
            self.ends.pop();
            if self.overrun == Overrun::Climb {
                self.parked[server as usize] += self.climbers[server as usize].len();
            }
            for row in self.climbers[server as usize].drain(..) {
                let row = Row { entered: self.now, ..row };
                self.policy.climb(row, server, self.source.arrived() as u64);
            }
            for row in self.finished[server as usize].drain(..) {
                let actual = self.workload.actual[row.key as usize];
                self.policy.finished(row.length, actual, self.now);
            }
            self.idle.insert(server);
        }
        self.ends.len() != before
    }

    fn start_batches(&mut self) {
        let closed = self.servers.drain && self.source.all_arrived();
        let mut refused = None;
        while let Some(&server) = self.idle.range(refused.map_or(0, |last| last + 1)..).next() {
            let starts = self.starts(server);
            match self.policy.form(self.now, server, closed, starts) {
                Some(formed) => {
                    self.idle.remove(&server);
                    self.start(&formed, server);
                }
                None => refused = Some(server),
            }
        }
    }

    /// How many new rows the server has room for.
    fn starts(&self, server: WorkerId) -> usize {
        let most = self.servers.max_resident;
        most.map_or(usize::MAX, |most| most.saturating_sub(self.parked[server as usize]))
    }

    fn start(&mut self, formed: &Formed, server: WorkerId) {
        let mut running = std::mem::take(&mut self.running);
        running.clear();
        running.extend(formed.rows.iter().map(|row| self.running(row, formed.limit)));
        let mut row_ends = std::mem::take(&mut self.row_ends);
        let timing = self.servers.costs.time(&running, &mut row_ends);
        if self.servers.costs.completes == Completion::Batch {
            row_ends.fill(timing.end);
        }
        if self.overrun == Overrun::Climb {
            let resumed = formed.rows.iter().filter(|row| row.progress > 0).count();
            self.parked[server as usize] -= resumed;
        }
        self.record(formed, server, &running, timing);
        for ((row, run), &row_end) in formed.rows.iter().zip(&running).zip(&row_ends) {
            self.run_row(row, run, row_end, server);
        }
        self.ends.push(Reverse((self.now.saturating_add(nanoseconds(timing.end)), server)));
        (self.running, self.row_ends) = (running, row_ends);
    }

    /// What becomes of a row at the end of its run, `row_end` seconds from now.
    fn run_row(&mut self, row: &Row, run: &RunningRow, row_end: f64, server: WorkerId) {
        let (request, server) = (row.key as usize, server as usize);
        let progress = self.done(row) + run.steps;
        if progress < self.workload.actual[request] {
            // Starting over in a lower batch does not take back how far it once was.
            let progress = progress.max(row.progress);
            self.climbers[server].push(Row { progress, ..*row });
        } else {
            self.records.requests.finish[request] = seconds(self.now) + row_end;
            self.finished[server].push(*row);
            self.source.complete(self.now.saturating_add(nanoseconds(row_end)));
        }
    }

    /// Steps that need not be done again.
    fn done(&self, row: &Row) -> u32 {
        if self.overrun == Overrun::Recompute { 0 } else { row.progress }
    }

    fn running(&self, row: &Row, limit: Option<u32>) -> RunningRow {
        let request = row.key as usize;
        let done = self.done(row);
        let left = self.workload.actual[request].saturating_sub(done);
        RunningRow {
            age: self.workload.prompts[request].saturating_add(done),
            steps: limit.map_or(left, |limit| limit.min(left)),
            new: done == 0,
        }
    }

    fn record(
        &mut self,
        formed: &Formed,
        server: WorkerId,
        running: &[RunningRow],
        timing: Timing,
    ) {
        let start = seconds(self.now);
        let steps = running.iter().map(|row| row.steps).max().unwrap_or(0);
        let batch = self.records.batches.start.len() as u32;
        self.records.batches.push(&BatchRecord {
            start,
            finish: start + timing.end,
            rows: running.len() as u32,
            steps,
            bin: formed.bin as u32,
            reason: formed.reason,
            server: server as u32,
            parked: self.parked[server as usize] as u32,
        });
        let requests = &mut self.records.requests;
        for (row, run) in formed.rows.iter().zip(running) {
            let request = row.key as usize;
            if requests.entries[request] == 0 {
                requests.start[request] = start;
                requests.first_token[request] = start + timing.first;
                requests.bin[request] = formed.bin as u32;
            }
            requests.batch[request] = batch;
            requests.entries[request] += 1;
            requests.steps[request] += u64::from(run.steps);
            requests.waste[request] += u64::from(steps - run.steps);
        }
    }
}
