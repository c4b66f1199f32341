//! Continuous batching equals a naive simulation of it, chunk by chunk and step by step.

use proptest::prelude::*;

use super::strategies::{LINEAR, times, workloads};
use crate::costs::{Completion, Costs, LinearCosts};
use crate::simulate::arrivals::Arrivals;
use crate::simulate::baselines::{Baseline, ContinuousOrder, simulate_baseline};
use crate::simulate::workload::{Servers, Workload};

/// Coefficients by which spans often end at an arrival, at whole hundredths of a second.
const COARSE: LinearCosts =
    LinearCosts { prompt_token: 0.01, row_step: 0.0, kv_token: 0.0, padded_token: 0.0, ..LINEAR };

/// A row that runs: its request, steps done, and whether it has just joined.
type Running = (usize, u32, bool);

/// A simulation chunk by chunk and step by step.
struct Naive<'a> {
    workload: &'a Workload,
    costs: LinearCosts,
    chunk: u32,
    order: ContinuousOrder,
    /// By request: start, first token, finish.
    times: Vec<[f64; 3]>,
    /// By request: steps in which its slot ran, and in which it waited for its chunk's end.
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

    /// Runs one chunk. Returns when it ends.
    fn run_chunk(&mut self, now: u64, rows: &mut Vec<Running>) -> u64 {
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
            let (count, kv) = live
                .fold((0, 0), |(count, kv), &(i, done, _)| (count + 1, kv + w.prompts[i] + done));
            if count == 0 {
                break;
            }
            let padded = (oldest + step) * rows.len() as u32;
            time += s.step + s.row_step * f64::from(count);
            time += s.kv_token * f64::from(kv) + s.padded_token * f64::from(padded);
            for &(i, done, _) in rows.iter() {
                self.steps[i][usize::from(done >= w.actual[i])] += 1;
            }
            for (i, done, _) in rows.iter_mut().filter(|&&mut (i, done, _)| done < w.actual[i]) {
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

    fn run(&mut self, slots: usize, count: usize) {
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
                    *until = self.run_chunk(now, rows);
                }
                continue;
            }
            for (until, rows) in servers.iter_mut().filter(|server| server.0 == now) {
                while rows.len() < slots && !self.waiting.is_empty() {
                    rows.push((self.next(), 0, true));
                }
                *until = if rows.is_empty() { 0 } else { self.run_chunk(now, rows) };
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
        naive.run(rows as usize, count);
        let costs = Costs { model: costs.into(), completes: Completion::Row };
        let servers = Servers::new(count, costs);
        let baseline = Baseline::Continuous { rows, chunk, order };
        let requests = simulate_baseline(&workload, &baseline, &servers).unwrap().requests;
        for (i, expected) in naive.times.iter().enumerate() {
            let times = [requests.start[i], requests.first_token[i], requests.finish[i]];
            let near = times.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-7);
            prop_assert!(near, "request {}: {:?}, not {:?}", i, times, expected);
            prop_assert_eq!([requests.steps[i], requests.waste[i]], naive.steps[i]);
        }
    }
}
