//! When requests arrive: at times of their own, or when users send them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// When requests arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrivals {
    /// Each at its time, in nanoseconds; must not decrease.
    At(Vec<u64>),
    /// A closed loop: a user pauses, sends a request, waits for its answer, and again.
    Users {
        /// How many there are.
        count: usize,
        /// How long they pause, in nanoseconds, in the order in which pauses begin; all users
        /// begin with one at time 0. One pause a request.
        pauses: Vec<u64>,
    },
}

impl Default for Arrivals {
    fn default() -> Self {
        Self::At(Vec::new())
    }
}

impl Arrivals {
    /// How many requests arrive.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::At(times) => times.len(),
            Self::Users { pauses, .. } => pauses.len(),
        }
    }

    /// Whether none does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Arrivals while a simulation runs.
pub(super) struct Source<'a> {
    arrivals: &'a Arrivals,
    arrived: usize,
    /// Answers to users that are ahead.
    answers: BinaryHeap<Reverse<u64>>,
    /// Ends of the users' pauses.
    pauses: BinaryHeap<Reverse<u64>>,
    /// Pauses that have begun.
    begun: usize,
}

impl<'a> Source<'a> {
    pub(super) fn new(arrivals: &'a Arrivals) -> Self {
        let answers = match *arrivals {
            Arrivals::At(_) => BinaryHeap::new(),
            Arrivals::Users { count, .. } => vec![Reverse(0); count.min(arrivals.len())].into(),
        };
        Self { arrivals, arrived: 0, answers, pauses: BinaryHeap::new(), begun: 0 }
    }

    /// Requests that have arrived; also the position of the next one.
    pub(super) fn arrived(&self) -> usize {
        self.arrived
    }

    pub(super) fn all_arrived(&self) -> bool {
        self.arrived == self.arrivals.len()
    }

    /// When the next request arrives, or an answer is given after which one may.
    #[inline]
    pub(super) fn peek(&self) -> Option<u64> {
        if let Arrivals::At(times) = self.arrivals {
            return times.get(self.arrived).copied();
        }
        let next = [self.pauses.peek(), self.answers.peek()].into_iter().flatten().max();
        next.map(|&Reverse(time)| time)
    }

    /// The next request, if it has arrived at `now`: its position and its time.
    #[inline]
    pub(super) fn next(&mut self, now: u64) -> Option<(usize, u64)> {
        let time = match self.arrivals {
            Arrivals::At(times) => times.get(self.arrived).copied().filter(|&time| time <= now)?,
            Arrivals::Users { pauses, .. } => self.send(now, pauses)?,
        };
        self.arrived += 1;
        Some((self.arrived - 1, time))
    }

    /// When the next pause ends that ends by `now`.
    fn send(&mut self, now: u64, pauses: &[u64]) -> Option<u64> {
        while let Some(&Reverse(answered)) = self.answers.peek()
            && answered <= now
        {
            self.answers.pop();
            let ends = pauses.get(self.begun).map(|pause| Reverse(answered.saturating_add(*pause)));
            self.pauses.extend(ends);
            self.begun += 1;
        }
        let &Reverse(time) = self.pauses.peek().filter(|&&Reverse(time)| time <= now)?;
        self.pauses.pop();
        Some(time)
    }

    /// A request is answered at `time`, which may be ahead: its user pauses then.
    #[inline]
    pub(super) fn complete(&mut self, time: u64) {
        if let Arrivals::Users { .. } = self.arrivals {
            self.answers.push(Reverse(time));
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::super::baselines::{Baseline, simulate_baseline};
    use super::super::baselines::{ContinuousOrder, workloads};
    use super::super::records::Records;
    use super::super::shipped::simulate;
    use super::super::workload::{Servers, Workload};
    use super::*;
    use crate::config::Config;
    use crate::costs::{Completion, Costs, LinearCosts};
    use crate::edges::Edges;

    const PAUSE: u64 = 700_000_000;

    /// `workload` as `users` send it, all pauses alike.
    fn sent(workload: &Workload, users: usize) -> Workload {
        let pauses = vec![PAUSE; workload.arrivals.len()];
        Workload { arrivals: Arrivals::Users { count: users, pauses }, ..workload.clone() }
    }

    fn servers(completes: Completion) -> Servers {
        let cost = LinearCosts { fixed: 0.05, step: 0.02, ..LinearCosts::default() };
        let costs = Costs { model: cost.into(), completes };
        Servers { count: 2, costs, drain: true, gate: false, max_resident: None }
    }

    fn played(workload: &Workload, completes: Completion) -> Vec<Records> {
        let edges = Edges::new(&[0, 8, 16, 32]).unwrap();
        let refill = Baseline::Continuous { rows: 3, chunk: 1, order: ContinuousOrder::Fifo };
        let nearest = Baseline::Nearest { batch_size: 3, light_load: false };
        let servers = servers(completes);
        let baseline = |baseline| simulate_baseline(workload, &baseline, &servers).unwrap();
        let shipped = simulate(workload, &edges, &Config::new(3), &servers).unwrap();
        vec![shipped, baseline(refill), baseline(nearest)]
    }

    #[test]
    fn a_lone_user_waits_for_each_answer_before_the_next_request() {
        let workload = Workload {
            arrivals: Arrivals::At(vec![0; 4]),
            predicted: vec![5; 4],
            actual: vec![5, 10, 1, 3],
            prompts: vec![0; 4],
        };
        for records in played(&sent(&workload, 1), Completion::Batch) {
            let mut free = 0.0;
            for (i, &steps) in workload.actual.iter().enumerate() {
                let arrival = free + PAUSE as f64 * 1e-9;
                free = arrival + 0.05 + 0.02 * f64::from(steps);
                assert!((records.requests.arrival[i] - arrival).abs() < 1e-6);
                assert!((records.requests.finish[i] - free).abs() < 1e-6);
            }
        }
    }

    proptest! {
        /// With pauses that are alike the i-th answer sends the (users + i)-th request.
        #[test]
        fn each_answer_sends_one_request_after_its_pause(
            workload in workloads(),
            users in 1usize..9,
            completes in prop_oneof![Just(Completion::Batch), Just(Completion::Row)],
        ) {
            for records in played(&sent(&workload, users), completes) {
                let mut answers = records.requests.finish.clone();
                answers.sort_by(f64::total_cmp);
                let pause = PAUSE as f64 * 1e-9;
                for (i, arrival) in records.requests.arrival.iter().enumerate() {
                    let wanted = i.checked_sub(users).map_or(0.0, |before| answers[before]) + pause;
                    prop_assert!((arrival - wanted).abs() < 1e-6, "{i}: {arrival}, not {wanted}");
                }
            }
        }
    }
}
