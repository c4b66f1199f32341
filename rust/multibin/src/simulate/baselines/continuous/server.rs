//! One server of continuous batching and the span that it runs.

use super::slot::Slot;
use super::span_costs::SpanCosts;
use crate::costs::{Completion, RunningRow, Timing};
use crate::simulate::clock::{nanoseconds, seconds};
use crate::simulate::records::{BatchRecords, Recorder};
use crate::simulate::resident::PeakTokens;

/// A server: its rows and its span.
#[derive(Debug, Clone, Default)]
pub(super) struct Server {
    slots: Vec<Slot>,
    /// The position of the server's batch record.
    pub(super) batch: u32,
    span_start: u64,
    span_end: u64,
    span_steps: u32,
    /// True if the span ends as early as it can.
    shortened: bool,
    timing: Timing,
    /// When each row's last step of the span ends, in seconds after its start.
    row_ends: Vec<f64>,
    /// Scratch space.
    running: Vec<RunningRow>,
    peak_tokens: PeakTokens,
}

impl Server {
    pub(super) fn rows(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn span_end(&self) -> u64 {
        self.span_end
    }

    pub(super) fn join(&mut self, slot: Slot) {
        self.slots.push(slot);
    }

    /// Starts a span of the rows.
    pub(super) fn start_span(&mut self, costs: &SpanCosts, now: u64, records: &mut Recorder<'_>) {
        self.span_start = now;
        self.shortened = false;
        self.plan(costs, costs.steps(&self.slots));
        let start = seconds(now);
        let requests = &mut records.requests;
        for slot in self.slots.iter().filter(|slot| slot.new) {
            let request = slot.request as usize;
            requests.start[request] = start;
            requests.first_token[request] = start + self.timing.first_token;
            requests.batch[request] = self.batch;
            requests.entries[request] = 1;
            // A row that joins runs to its end.
            requests.steps[request] = u64::from(slot.left);
            records.batches.rows[self.batch as usize] += 1;
        }
    }

    /// Plans a span of so many steps.
    fn plan(&mut self, costs: &SpanCosts, steps: u32) {
        self.span_steps = steps;
        self.running.clear();
        self.running.extend(self.slots.iter().map(|slot| slot.running(steps)));
        self.timing = costs.time(&self.running, &mut self.row_ends);
        self.span_end = self.span_start.saturating_add(nanoseconds(self.timing.end));
    }

    /// Shortens the span to its first chunk that ends at `now` or later. Returns when the span
    /// would have ended, or `None` if it is as short already.
    pub(super) fn shorten_span(&mut self, costs: &SpanCosts, now: u64) -> Option<u64> {
        if self.slots.is_empty() || std::mem::replace(&mut self.shortened, true) {
            return None;
        }
        let (planned, steps) = (self.span_end, self.span_steps);
        let (mut early, mut late) = (0, steps.div_ceil(costs.chunk));
        while early + 1 < late {
            let middle = early.midpoint(late);
            self.plan(costs, middle * costs.chunk);
            if self.span_end < now { early = middle } else { late = middle }
        }
        self.plan(costs, steps.min(late.saturating_mul(costs.chunk)));
        Some(planned)
    }

    /// Ends the span. Returns how many rows have ended.
    pub(super) fn end_span(&mut self, costs: &SpanCosts, records: &mut Recorder<'_>) -> usize {
        let start = seconds(self.span_start);
        let batches = &mut records.batches;
        let steps = &mut batches.steps[self.batch as usize];
        *steps = steps.saturating_add(self.span_steps);
        batches.finish[self.batch as usize] = start + self.timing.end;
        self.record_resident(costs.completes(), batches);
        for (slot, &row_end) in self.slots.iter().zip(&self.row_ends) {
            let request = slot.request as usize;
            if slot.left <= self.span_steps {
                let end = match costs.completes() {
                    Completion::Batch => self.timing.end,
                    Completion::Row => row_end,
                };
                records.requests.finish[request] = start + end;
                records.requests.waste[request] = u64::from(self.span_steps - slot.left);
            }
        }
        self.free_slots()
    }

    /// Records the rows of the span and the tokens in their caches, if these are the most so far.
    fn record_resident(&mut self, completes: Completion, batches: &mut BatchRecords) {
        let rows = &mut batches.resident[self.batch as usize];
        *rows = (*rows).max(self.running.len() as u32);
        let tokens = &mut batches.resident_tokens[self.batch as usize];
        *tokens = self.peak_tokens.of(&self.running, completes, *tokens);
    }

    /// Frees the slots of the rows that have ended, and ages the others. Returns how many ended.
    fn free_slots(&mut self) -> usize {
        let before = self.slots.len();
        let steps = self.span_steps;
        self.slots.retain_mut(|slot| {
            slot.new = false;
            slot.age = slot.age.saturating_add(steps);
            slot.left = slot.left.saturating_sub(steps);
            slot.left > 0
        });
        before - self.slots.len()
    }
}
