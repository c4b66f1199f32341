//! Continuous batching equals a naive simulation of it, chunk by chunk and step by step.

use proptest::prelude::*;

use super::strategies::{LINEAR, times, workloads};
use crate::costs::{Completion, Costs, LinearCosts};
use crate::simulate::arrivals::Arrivals;
use crate::simulate::baselines::{Baseline, ContinuousOrder, simulate_baseline};
use crate::simulate::records::Records;
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
    /// By batch, the most rows and tokens that its server held. First, rows keep their tokens until
    /// their chunk ends; second, until their own last step.
    resident: Vec<[(usize, u64); 2]>,
}

/// A server of a naive simulation.
#[derive(Debug, Clone, Default)]
struct NaiveServer {
    /// When its chunk ends; 0 if it is idle.
    until: u64,
    rows: Vec<Running>,
    batch: usize,
}

impl<'a> Naive<'a> {
    fn new(workload: &'a Workload, costs: LinearCosts, chunk: u32, order: ContinuousOrder) -> Self {
        let times = vec![[0.0; 3]; workload.arrivals.len()];
        let steps = vec![[0; 2]; workload.arrivals.len()];
        let (waiting, resident) = (Vec::new(), Vec::new());
        Self { workload, costs, chunk, order, times, steps, waiting, resident }
    }

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

    /// Runs one chunk.
    fn run_chunk(&mut self, now: u64, server: &mut NaiveServer) {
        let NaiveServer { rows, batch, .. } = server;
        let (w, s) = (self.workload, self.costs);
        let mut time = now as f64 * 1e-9;
        for &(i, _, new) in rows.iter() {
            let cached = if w.cached.is_empty() { 0 } else { w.cached[i] };
            time += if new { s.prompt_token * f64::from(w.prompts[i] - cached) } else { 0.0 };
            self.times[i][0] = if new { now as f64 * 1e-9 } else { self.times[i][0] };
        }
        time += if rows.iter().any(|row| row.2) { s.fixed } else { 0.0 };
        let oldest = rows.iter().map(|&(i, done, _)| w.prompts[i] + done).max().unwrap();
        for step in 0..self.chunk {
            let live = rows.iter().filter(|&&(i, done, _)| done < w.actual[i]);
            let kv: u32 = live.clone().map(|&(i, done, _)| w.prompts[i] + done).sum();
            let live: Vec<usize> = live.map(|row| row.0).collect();
            if live.is_empty() {
                break;
            }
            let padded = (oldest + step) * rows.len() as u32;
            time += s.step + s.row_step * live.len() as f64;
            time += s.kv_token * f64::from(kv) + s.padded_token * f64::from(padded);
            for &(i, done, _) in rows.iter() {
                self.steps[i][usize::from(done >= w.actual[i])] += 1;
            }
            for (i, done, _) in rows.iter_mut().filter(|&&mut (i, done, _)| done < w.actual[i]) {
                *done += 1;
                self.times[*i][1] = if *done == 1 { time } else { self.times[*i][1] };
                self.times[*i][2] = time;
            }
            let tokens = |&(i, done, _): &Running| u64::from(w.prompts[i] + done);
            let computed: u64 = rows.iter().filter(|row| live.contains(&row.0)).map(tokens).sum();
            let all: u64 = rows.iter().map(tokens).sum();
            for ((most_rows, most), tokens) in self.resident[*batch].iter_mut().zip([all, computed])
            {
                *most_rows = rows.len().max(*most_rows);
                *most = tokens.max(*most);
            }
        }
        rows.retain_mut(|row| {
            row.2 = false;
            row.1 < w.actual[row.0]
        });
        #[expect(clippy::cast_sign_loss, reason = "times are >= 0")]
        let end = (time * 1e9).round() as u64;
        server.until = end;
    }

    fn run(&mut self, slots: usize, count: usize) {
        let mut servers = vec![NaiveServer::default(); count];
        let arrivals = times(self.workload);
        let mut arrived = 0;
        loop {
            let end = servers.iter().filter(|each| each.until > 0).map(|each| each.until).min();
            let arrival = arrivals.get(arrived).copied();
            let Some(now) = end.into_iter().chain(arrival).min() else { break };
            if arrival == Some(now) {
                self.waiting.push(arrived);
                arrived += 1;
                if let Some(idle) = servers.iter_mut().find(|server| server.until == 0) {
                    idle.batch = self.resident.len();
                    self.resident.push(Default::default());
                    idle.rows.push((self.next(), 0, true));
                    self.run_chunk(now, idle);
                }
                continue;
            }
            for server in servers.iter_mut().filter(|server| server.until == now) {
                while server.rows.len() < slots && !self.waiting.is_empty() {
                    server.rows.push((self.next(), 0, true));
                }
                server.until = 0;
                if !server.rows.is_empty() {
                    self.run_chunk(now, server);
                }
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
        let mut naive = Naive::new(&workload, costs, chunk, order);
        naive.run(rows as usize, count);
        let baseline = Baseline::Continuous { rows, chunk, order };
        let play = |completes| {
            let servers = Servers::new(count, Costs { model: costs.into(), completes });
            simulate_baseline(&workload, &baseline, &servers).unwrap()
        };
        let Records { requests, batches, .. } = play(Completion::Row);
        for (batches, by) in [(play(Completion::Batch).batches, 0), (batches, 1)] {
            let resident = batches.resident.iter().map(|&rows| rows as usize);
            let most: Vec<_> = resident.zip(batches.resident_tokens).collect();
            let expected: Vec<_> = naive.resident.iter().map(|most| most[by]).collect();
            prop_assert_eq!(most, expected);
        }
        for (i, expected) in naive.times.iter().enumerate() {
            let times = [requests.start[i], requests.first_token[i], requests.finish[i]];
            let near = times.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-7);
            prop_assert!(near, "request {}: {:?}, not {:?}", i, times, expected);
            prop_assert_eq!([requests.steps[i], requests.waste[i]], naive.steps[i]);
        }
    }
}
