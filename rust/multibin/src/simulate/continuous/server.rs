//! One server of continuous batching and the span that it runs.

use super::super::clock::{nanoseconds, seconds};
use super::super::records::Recorder;
use crate::costs::{Completion, Costs};
use crate::costs::{RunningRow, Timing};

/// What a span costs.
pub(super) struct SpanCosts {
    /// Of spans that a request joins, and of the others.
    joined: Costs,
    unjoined: Costs,
    /// Steps between refills.
    chunk: u32,
}

impl SpanCosts {
    pub(super) fn new(costs: &Costs, chunk: u32) -> Self {
        // Rows that stay in their slots do not move.
        let joined = costs.without_moves();
        Self { unjoined: joined.without_start(), joined, chunk }
    }

    /// Steps until the first chunk's end at which one of the rows has ended.
    fn steps(&self, slots: &[Slot]) -> u32 {
        let left = slots.iter().map(|slot| slot.left);
        let first = left.clone().min().unwrap_or(0);
        let chunks = u64::from(first.div_ceil(self.chunk)) * u64::from(self.chunk);
        chunks.min(u64::from(left.max().unwrap_or(0))) as u32
    }

    fn time(&self, rows: &[RunningRow], ends: &mut Vec<f64>) -> Timing {
        let joined = rows.iter().any(|row| row.new);
        let costs = if joined { &self.joined } else { &self.unjoined };
        costs.time(rows, ends)
    }
}

/// Its rows and its span.
#[derive(Debug, Clone, Default)]
pub(super) struct Server {
    slots: Vec<Slot>,
    /// The position of its batch record.
    pub(super) batch: u32,
    since: u64,
    until: u64,
    steps: u32,
    /// Whether the span ends as early as it can.
    hurried: bool,
    timing: Timing,
    /// When each row's last step of the span ends, in seconds after its start.
    row_ends: Vec<f64>,
    /// Scratch space.
    running: Vec<RunningRow>,
}

/// A row between two spans.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) request: u32,
    /// Tokens in its cache.
    pub(super) age: u32,
    /// Steps to do, at least 1.
    pub(super) left: u32,
    /// Whether it has done none.
    pub(super) new: bool,
}

impl Slot {
    fn running(self, steps: u32) -> RunningRow {
        RunningRow { age: self.age, steps: steps.min(self.left), new: self.new }
    }
}

impl Server {
    pub(super) fn rows(&self) -> usize {
        self.slots.len()
    }

    /// The end of the span.
    pub(super) fn until(&self) -> u64 {
        self.until
    }

    pub(super) fn join(&mut self, slot: Slot) {
        self.slots.push(slot);
    }

    /// Starts a span.
    pub(super) fn start(&mut self, costs: &SpanCosts, now: u64, records: &mut Recorder<'_>) {
        self.since = now;
        self.hurried = false;
        self.plan(costs, costs.steps(&self.slots));
        let start = seconds(now);
        let requests = &mut records.requests;
        for slot in self.slots.iter().filter(|slot| slot.new) {
            let request = slot.request as usize;
            requests.start[request] = start;
            requests.first_token[request] = start + self.timing.first;
            requests.batch[request] = self.batch;
            requests.entries[request] = 1;
            // A row that joins runs to its end.
            requests.steps[request] = u64::from(slot.left);
            records.batches.rows[self.batch as usize] += 1;
        }
    }

    fn plan(&mut self, costs: &SpanCosts, steps: u32) {
        self.steps = steps;
        self.running.clear();
        self.running.extend(self.slots.iter().map(|slot| slot.running(steps)));
        self.timing = costs.time(&self.running, &mut self.row_ends);
        self.until = self.since.saturating_add(nanoseconds(self.timing.end));
    }

    /// Ends the span with its first chunk that ends at `now` or later; returns when it was to end
    /// unless that is known to be so.
    pub(super) fn hurry(&mut self, costs: &SpanCosts, now: u64) -> Option<u64> {
        if self.slots.is_empty() || std::mem::replace(&mut self.hurried, true) {
            return None;
        }
        let (planned, steps) = (self.until, self.steps);
        let (mut early, mut late) = (0, steps.div_ceil(costs.chunk));
        while early + 1 < late {
            let middle = early.midpoint(late);
            self.plan(costs, middle * costs.chunk);
            if self.until < now { early = middle } else { late = middle }
        }
        self.plan(costs, steps.min(late.saturating_mul(costs.chunk)));
        Some(planned)
    }

    /// Ends the span; returns how many rows have ended.
    pub(super) fn end(&mut self, costs: &SpanCosts, records: &mut Recorder<'_>) -> usize {
        let start = seconds(self.since);
        let batches = &mut records.batches;
        let steps = &mut batches.steps[self.batch as usize];
        *steps = steps.saturating_add(self.steps);
        batches.finish[self.batch as usize] = start + self.timing.end;
        for (slot, &row_end) in self.slots.iter().zip(&self.row_ends) {
            let request = slot.request as usize;
            if slot.left <= self.steps {
                let end = match costs.joined.completes {
                    Completion::Batch => self.timing.end,
                    Completion::Row => row_end,
                };
                records.requests.finish[request] = start + end;
                records.requests.waste[request] = u64::from(self.steps - slot.left);
            }
        }
        self.leave()
    }

    /// Frees the slots of rows that have ended, and ages the others; returns how many.
    fn leave(&mut self) -> usize {
        let before = self.slots.len();
        let steps = self.steps;
        self.slots.retain_mut(|slot| {
            slot.new = false;
            slot.age = slot.age.saturating_add(steps);
            slot.left = slot.left.saturating_sub(steps);
            slot.left > 0
        });
        before - self.slots.len()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::super::super::arrivals::Arrivals;
    use super::super::super::baselines::{Baseline, ContinuousOrder, simulate_baseline};
    use super::super::super::baselines::{LINEAR, times, workloads};
    use super::super::super::workload::{Servers, Workload};
    use super::*;
    use crate::costs::LinearCosts;

    /// Times that often meet arrivals at whole hundredths of a second.
    const COARSE: LinearCosts = LinearCosts {
        prompt_token: 0.01,
        row_step: 0.0,
        kv_token: 0.0,
        padded_token: 0.0,
        ..LINEAR
    };

    /// A row that runs: its request, steps done, and whether it has just joined.
    type Running = (usize, u32, bool);

    /// Chunk by chunk, step by step: start, first token and finish of every request, and the steps in
    /// which its slot ran and in which it waited for the end of its chunk.
    struct Naive<'a> {
        workload: &'a Workload,
        costs: LinearCosts,
        chunk: u32,
        order: ContinuousOrder,
        times: Vec<[f64; 3]>,
        steps: Vec<[u64; 2]>,
        waiting: Vec<usize>,
    }

    impl Naive<'_> {
        fn next(&mut self) -> usize {
            let length = |i: usize| i64::from(self.workload.predicted[i]);
            let best = self.waiting.iter().copied().min_by_key(|&i| match self.order {
                ContinuousOrder::Fifo => 0,
                ContinuousOrder::Longest => -length(i),
                ContinuousOrder::Shortest => length(i),
            });
            self.waiting.retain(|&i| Some(i) != best);
            best.unwrap()
        }

        /// One chunk; returns when it ends.
        fn run(&mut self, now: u64, rows: &mut Vec<Running>) -> u64 {
            let (w, s) = (self.workload, self.costs);
            let mut time = now as f64 * 1e-9;
            for &(i, _, new) in rows.iter() {
                time += if new { s.prompt_token * f64::from(w.prompts[i]) } else { 0.0 };
                self.times[i][0] = if new { now as f64 * 1e-9 } else { self.times[i][0] };
            }
            time += if rows.iter().any(|row| row.2) { s.fixed } else { 0.0 };
            let oldest = rows.iter().map(|&(i, done, _)| w.prompts[i] + done).max().unwrap();
            for step in 0..self.chunk {
                let live = rows.iter().filter(|&&(i, done, _)| done < w.actual[i]);
                let (count, kv) = live.fold((0, 0), |(count, kv), &(i, done, _)| {
                    (count + 1, kv + w.prompts[i] + done)
                });
                if count == 0 {
                    break;
                }
                let padded = (oldest + step) * rows.len() as u32;
                time += s.step + s.row_step * f64::from(count);
                time += s.kv_token * f64::from(kv) + s.padded_token * f64::from(padded);
                for &(i, done, _) in rows.iter() {
                    self.steps[i][usize::from(done >= w.actual[i])] += 1;
                }
                for (i, done, _) in rows.iter_mut().filter(|&&mut (i, done, _)| done < w.actual[i])
                {
                    *done += 1;
                    self.times[*i][1] = if *done == 1 { time } else { self.times[*i][1] };
                    self.times[*i][2] = time;
                }
            }
            rows.retain_mut(|row| {
                row.2 = false;
                row.1 < w.actual[row.0]
            });
            #[expect(clippy::cast_sign_loss, reason = "times are >= 0")]
            let end = (time * 1e9).round() as u64;
            end
        }

        fn play(&mut self, slots: usize, count: usize) {
            let mut servers: Vec<(u64, Vec<Running>)> = vec![(0, Vec::new()); count];
            let arrivals = times(self.workload);
            let mut arrived = 0;
            loop {
                let busy = |server: &&(u64, Vec<Running>)| !server.1.is_empty();
                let end = servers.iter().filter(|server| server.0 > 0).map(|server| server.0).min();
                let arrival = arrivals.get(arrived).copied();
                let Some(now) = end.into_iter().chain(arrival).min() else { break };
                if arrival == Some(now) {
                    self.waiting.push(arrived);
                    arrived += 1;
                    let idle = servers.iter_mut().find(|server| !busy(&&**server) && server.0 == 0);
                    if let Some((until, rows)) = idle {
                        rows.push((self.next(), 0, true));
                        *until = self.run(now, rows);
                    }
                    continue;
                }
                for (until, rows) in servers.iter_mut().filter(|server| server.0 == now) {
                    while rows.len() < slots && !self.waiting.is_empty() {
                        rows.push((self.next(), 0, true));
                    }
                    *until = if rows.is_empty() { 0 } else { self.run(now, rows) };
                }
            }
        }
    }

    fn orders() -> impl Strategy<Value = ContinuousOrder> {
        use ContinuousOrder::{Fifo, Longest, Shortest};
        prop_oneof![Just(Fifo), Just(Longest), Just(Shortest)]
    }

    proptest! {
        #[test]
        fn spans_are_chunks_one_by_one(
            mut workload in workloads(),
            costs in prop_oneof![Just(LINEAR), Just(COARSE)],
            rows in 1u32..5,
            chunk in prop_oneof![Just(1u32), 2u32..20, Just(1_000)],
            order in orders(),
            count in 1usize..4,
        ) {
            let coarse = times(&workload).iter().map(|time| time - time % 10_000_000);
            workload.arrivals = Arrivals::At(coarse.collect());
            let times = vec![[0.0; 3]; workload.arrivals.len()];
            let steps = vec![[0; 2]; workload.arrivals.len()];
            let mut naive =
                Naive { workload: &workload, costs, chunk, order, times, steps, waiting: Vec::new() };
            naive.play(rows as usize, count);
            let costs = Costs { model: costs.into(), completes: Completion::Row };
            let servers = Servers { count, costs, drain: true, gate: false, max_resident: None };
            let baseline = Baseline::Continuous { rows, chunk, order };
            let requests = simulate_baseline(&workload, &baseline, &servers).unwrap().requests;
            for (i, wanted) in naive.times.iter().enumerate() {
                let times = [requests.start[i], requests.first_token[i], requests.finish[i]];
                let near = times.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-7);
                prop_assert!(near, "request {}: {:?}, not {:?}", i, times, wanted);
                prop_assert_eq!([requests.steps[i], requests.waste[i]], naive.steps[i]);
            }
        }
    }
}
