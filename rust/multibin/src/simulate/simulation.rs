//! The event loop: arrivals, ends of batches, deadlines. An idle server asks for a batch.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::arrival_process::ArrivalProcess;
use super::clock::{checked, nanoseconds, seconds};
use super::error::SimulateError;
use super::policy::Policy;
use super::records::{BatchRecord, Entered, Outcome, Recorder, RequestColumns};
use super::resident::PeakTokens;
use super::workload::{Servers, Workload};
use crate::config::Overrun;
use crate::costs::{Completion, RunningRow, Timing};
use crate::policy::Formed;
use crate::request::{Row, Submission, WorkerId};

/// A simulation that runs.
pub(super) struct Simulation<'a, P> {
    policy: P,
    workload: &'a Workload,
    servers: &'a Servers,
    overrun: Overrun,
    now: u64,
    arrivals: ArrivalProcess<'a>,
    idle: BTreeSet<WorkerId>,
    /// Ends of the running batches.
    ends: BinaryHeap<Reverse<(u64, WorkerId)>>,
    /// By server, the rows that will be unfinished when its batch ends.
    climbers: Vec<Vec<Row>>,
    /// By server, predicted and actual steps of the rows that will be finished when its batch
    /// ends, if the policy observes them.
    finished: Vec<Vec<(u32, u32)>>,
    /// By server, the climbers that wait with their state.
    parked: Vec<Parked>,
    records: Recorder<'a>,
    /// Scratch space of the batch that starts.
    running: Vec<RunningRow>,
    row_ends: Vec<f64>,
    peak_tokens: PeakTokens,
}

/// Climbers that wait at a server with their state.
#[derive(Debug, Clone, Copy, Default)]
struct Parked {
    rows: usize,
    /// Tokens in their caches.
    tokens: u64,
}

impl<'a, P: Policy> Simulation<'a, P> {
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
            arrivals: ArrivalProcess::new(&workload.arrivals),
            idle: (0..servers.count as u64).collect(),
            ends: BinaryHeap::new(),
            climbers: vec![Vec::new(); servers.count],
            finished: vec![Vec::new(); servers.count],
            parked: vec![Parked::default(); servers.count],
            records: Recorder::new(requests),
            running: Vec::new(),
            row_ends: Vec::new(),
            peak_tokens: PeakTokens::default(),
        }
    }

    /// Runs until no event is left.
    pub(super) fn run(mut self) -> Result<Outcome, SimulateError> {
        while let Some((next, until)) = self.next_event() {
            self.now = checked(next)?;
            let may_form = self.arrive(until)?;
            // An event that is no arrival is the end of a batch or a deadline.
            if self.end_batches() || may_form || self.servers.drain && self.arrivals.all_arrived() {
                self.start_batches();
            }
        }
        let (events, adaptation) = (self.policy.take_events(), self.policy.adaptation());
        Ok(Outcome { batches: self.records.finish(), events, adaptation })
    }

    /// Returns when the next event happens, and the next that is no arrival. While no server is
    /// idle, arrivals only wait, so they are taken together with the next end of a batch.
    fn next_event(&self) -> Option<(u64, u64)> {
        let end = self.ends.peek().map(|&Reverse((time, _))| time);
        if self.idle.is_empty() {
            return end.map(|end| (end, end));
        }
        let deadlines = self.idle.iter().filter_map(|&server| self.policy.deadline(server));
        // A deadline that is over and made no batch waits for another event.
        let deadline = deadlines.filter(|&time| time > self.now).min();
        let until = [end, deadline].into_iter().flatten().min();
        let next = [self.arrivals.next_event(), until].into_iter().flatten().min()?;
        Some((next, until.unwrap_or(u64::MAX)))
    }

    /// Takes the requests that have arrived. Returns true if a batch may leave that could not
    /// before.
    ///
    /// While a server is idle and no batch may leave, nothing happens until the next request
    /// arrives. So it is taken at once, if it arrives before `until`, the next other event.
    fn arrive(&mut self, mut until: u64) -> Result<bool, SimulateError> {
        let before = self.arrivals.arrived();
        let mut may_form = false;
        while let Some((i, arrival)) = self.arrivals.take(self.now) {
            self.records.arrive(i, seconds(arrival));
            may_form |= self.policy.arrive(Submission {
                key: i as u64,
                ticket: i as u64,
                arrival,
                length: self.workload.predicted[i],
                cost: self.workload.predicted[i],
                priority: 0,
                deadline: u64::MAX,
            });
            // With an idle server each arrival may leave at once, before the next one comes.
            if may_form && !self.idle.is_empty() && !self.arrivals.all_arrived() {
                self.start_batches();
                (may_form, until) = (false, self.now);
            } else if !may_form
                && !self.idle.is_empty()
                && let Some(next) = self.arrivals.next_before(until)
            {
                self.now = checked(next)?;
            }
        }
        Ok(may_form || self.arrivals.arrived() == before)
    }

    /// Ends the batches that end by now. Returns true if there were any.
    fn end_batches(&mut self) -> bool {
        let before = self.ends.len();
        while let Some(&Reverse((time, server))) = self.ends.peek() {
            if time > self.now {
                break;
            }
            self.ends.pop();
            self.park(server as usize);
            for row in self.climbers[server as usize].drain(..) {
                let row = Row { entered: self.now, ..row };
                self.policy.climb(row, server, self.arrivals.arrived() as u64);
            }
            for (predicted, actual) in self.finished[server as usize].drain(..) {
                self.policy.observe(predicted, actual, self.now);
            }
            self.idle.insert(server);
        }
        self.ends.len() != before
    }

    /// Lets the unfinished rows of a server's batch wait with their state, if they keep it.
    fn park(&mut self, server: usize) {
        if self.overrun == Overrun::Climb {
            let ages = self.climbers[server].iter().map(|row| u64::from(self.age(row)));
            self.parked[server].tokens += ages.sum::<u64>();
            self.parked[server].rows += self.climbers[server].len();
        }
    }

    /// Takes the rows of a batch that bring their state out of those that wait.
    fn resume(&mut self, rows: &[Row], server: usize) {
        if self.overrun == Overrun::Climb {
            for row in rows.iter().filter(|row| row.progress > 0) {
                self.parked[server].rows -= 1;
                self.parked[server].tokens -= u64::from(self.age(row));
            }
        }
    }

    fn start_batches(&mut self) {
        let closed = self.servers.drain && self.arrivals.all_arrived();
        let mut declined = None;
        while let Some(&server) = self.idle.range(declined.map_or(0, |last| last + 1)..).next() {
            let max_new = self.max_new(server);
            match self.policy.form(self.now, server, closed, max_new) {
                Some(formed) => {
                    self.idle.remove(&server);
                    self.start(&formed, server);
                }
                None => declined = Some(server),
            }
        }
    }

    /// Returns how many new rows the server has room for.
    fn max_new(&self, server: WorkerId) -> usize {
        let parked = self.parked[server as usize].rows;
        self.servers.max_resident.map_or(usize::MAX, |max| max.saturating_sub(parked))
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
        self.resume(&formed.rows, server as usize);
        let entered = self.record(formed, server, &running, timing);
        for ((row, run), &row_end) in formed.rows.iter().zip(&running).zip(&row_ends) {
            self.records.requests.enter(row.key as usize, &entered, run.steps);
            self.run_row(row, run, entered.start + row_end, row_end, server);
        }
        self.ends.push(Reverse((self.now.saturating_add(nanoseconds(timing.end)), server)));
        (self.running, self.row_ends) = (running, row_ends);
    }

    /// Decides what follows a row's run, which ends `row_end` seconds from now, at `end`: the row
    /// climbs, or its request is finished.
    #[inline]
    fn run_row(&mut self, row: &Row, run: &RunningRow, end: f64, row_end: f64, server: WorkerId) {
        let request = row.key as usize;
        let (progress, actual) = (self.done(row) + run.steps, self.workload.actual[request]);
        if progress < actual {
            // A row that recomputes in a lower bin keeps the progress that it once had.
            let progress = progress.max(row.progress);
            self.climbers[server as usize].push(Row { progress, ..*row });
            return;
        }
        self.records.requests.finish[request] = end;
        if self.policy.observes() {
            self.finished[server as usize].push((row.length, actual));
        }
        if self.arrivals.is_closed_loop() {
            self.arrivals.complete(self.now.saturating_add(nanoseconds(row_end)));
        }
    }

    /// Returns the steps of a row that need not be computed again.
    fn done(&self, row: &Row) -> u32 {
        if self.overrun == Overrun::Recompute { 0 } else { row.progress }
    }

    fn running(&self, row: &Row, limit: Option<u32>) -> RunningRow {
        let done = self.done(row);
        let left = self.workload.actual[row.key as usize].saturating_sub(done);
        let steps = limit.map_or(left, |limit| limit.min(left));
        RunningRow { age: self.age(row), steps, new: done == 0, cached: self.cached(row) }
    }

    /// Returns the tokens in a row's cache between two batches; those of its prompt if it is new.
    fn age(&self, row: &Row) -> u32 {
        self.workload.prompts[row.key as usize].saturating_add(self.done(row))
    }

    /// Returns the tokens of a row's prompt that a prefix cache has.
    fn cached(&self, row: &Row) -> u32 {
        self.workload.cached.get(row.key as usize).copied().unwrap_or(0)
    }

    /// Records a batch. Returns what its rows have in common.
    fn record(
        &mut self,
        formed: &Formed,
        server: WorkerId,
        running: &[RunningRow],
        timing: Timing,
    ) -> Entered {
        let (start, bin) = (seconds(self.now), formed.bin as u32);
        let steps = running.iter().map(|row| row.steps).max().unwrap_or(0);
        let batch = self.records.batches.start.len() as u32;
        let parked = self.parked[server as usize];
        let tokens = self.peak_tokens.of(running, self.servers.costs.completes, 0);
        self.records.batches.push(&BatchRecord {
            start,
            finish: start + timing.end,
            rows: running.len() as u32,
            steps,
            bin,
            reason: formed.reason,
            server: server as u32,
            parked: parked.rows as u32,
            resident: (running.len() + parked.rows) as u32,
            resident_tokens: tokens + parked.tokens,
        });
        Entered { start, first_token: start + timing.first_token, bin, batch, steps }
    }
}
