//! Leads with the bin that has waited most.

use super::fifo_queues::FifoQueues;
use super::rule::{Rule, light_load, reason};
use super::weight::Weight;
use crate::edges::Edges;
use crate::request::Reason;
use crate::simulate::workload::Workload;

/// The rule of [`Baseline::HeaviestBin`](super::Baseline::HeaviestBin).
pub(super) struct HeaviestBin<'a> {
    workload: &'a Workload,
    /// By request, in nanoseconds.
    arrivals: Vec<u64>,
    edges: &'a Edges,
    batch_size: usize,
    weight: Weight,
    light_load: bool,
    waiting: FifoQueues,
    /// By bin.
    sums: Vec<Sums>,
}

/// Sums over the first `batch_size` requests of a bin, which give its weight at any time in O(1).
///
/// They count modulo 2¹²⁸, because only differences matter. A weight is exact while Σ wait² in ns²
/// is below that: for 4,096 requests nine years each.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    count: usize,
    arrivals: u128,
    squares: u128,
    /// The last request that is counted.
    last: u32,
}

impl Sums {
    fn add(&mut self, arrival: u64) {
        let arrival = u128::from(arrival);
        self.arrivals = self.arrivals.wrapping_add(arrival);
        self.squares = self.squares.wrapping_add(arrival * arrival);
    }

    fn subtract(&mut self, arrival: u64) {
        let arrival = u128::from(arrival);
        self.arrivals = self.arrivals.wrapping_sub(arrival);
        self.squares = self.squares.wrapping_sub(arrival * arrival);
    }

    /// Returns Σ (now − arrival), or Σ (now − arrival)² = n·now² − 2·now·Σ arrival + Σ arrival².
    fn weight(&self, now: u64, weight: Weight) -> u128 {
        let now = u128::from(now);
        let waits = (now * self.count as u128).wrapping_sub(self.arrivals);
        match weight {
            Weight::Wait => waits,
            Weight::WaitSquared => {
                let cross = waits.wrapping_sub(self.arrivals).wrapping_mul(now);
                cross.wrapping_add(self.squares)
            }
        }
    }
}

impl<'a> HeaviestBin<'a> {
    pub(super) fn new(
        workload: &'a Workload,
        batch_size: u32,
        edges: &'a Edges,
        weight: Weight,
        light_load: bool,
    ) -> Self {
        let waiting = FifoQueues::new(edges.bins(), workload.arrivals.len());
        let sums = vec![Sums::default(); edges.bins()];
        let arrivals = Vec::with_capacity(workload.arrivals.len());
        let batch_size = batch_size as usize;
        Self { workload, arrivals, edges, batch_size, weight, light_load, waiting, sums }
    }

    fn arrival(&self, request: u32) -> u64 {
        self.arrivals[request as usize]
    }

    /// Takes the first request of a bin. The next request that the sums leave out joins them.
    fn pop(&mut self, bin: usize) -> Option<u32> {
        let request = self.waiting.pop(bin)?;
        let arrival = self.arrival(request);
        let next = self.waiting.next(self.sums[bin].last);
        let next = next.map(|next| (next, self.arrival(next)));
        let sums = &mut self.sums[bin];
        sums.subtract(arrival);
        match next {
            Some((next, arrival)) => {
                sums.add(arrival);
                sums.last = next;
            }
            None => sums.count -= 1,
        }
        Some(request)
    }

    fn take(&mut self, bin: usize, batch: &mut Vec<u32>) {
        while batch.len() < self.batch_size {
            let Some(request) = self.pop(bin) else { break };
            batch.push(request);
        }
    }

    /// Returns the heaviest bin; of equally heavy ones, the one whose first request is the oldest.
    fn heaviest(&self, now: u64) -> Option<usize> {
        let bins = (0..self.sums.len()).filter_map(|bin| Some((bin, self.waiting.first(bin)?)));
        let weighed = bins.map(|(bin, first)| {
            (self.sums[bin].weight(now, self.weight), std::cmp::Reverse(first), bin)
        });
        weighed.max().map(|(.., bin)| bin)
    }

    /// Fills the batch from `bin`, then from the nearest bins, the lower one first.
    fn fill(&mut self, bin: usize, batch: &mut Vec<u32>) {
        let bins = self.sums.len();
        self.take(bin, batch);
        for distance in 1..bins {
            if batch.len() == self.batch_size {
                break;
            }
            if distance <= bin {
                self.take(bin - distance, batch);
            }
            if bin + distance < bins {
                self.take(bin + distance, batch);
            }
        }
    }

    fn take_oldest(&mut self, batch: &mut Vec<u32>) {
        while batch.len() < self.batch_size
            && let Some(bin) = self.waiting.oldest()
        {
            batch.extend(self.pop(bin));
        }
    }
}

impl Rule for HeaviestBin<'_> {
    fn arrive(&mut self, request: u32, arrival: u64) {
        let bin = self.edges.bin(self.workload.predicted[request as usize]);
        self.arrivals.push(arrival);
        self.waiting.push(bin, request);
        let sums = &mut self.sums[bin];
        if sums.count < self.batch_size {
            sums.add(arrival);
            sums.count += 1;
            sums.last = request;
        }
    }

    fn form(&mut self, now: u64, closed: bool, batch: &mut Vec<u32>) -> Option<(usize, Reason)> {
        if self.light_load && light_load(self.waiting.waiting(), self.batch_size, closed) {
            let bin = self.waiting.oldest()?;
            self.take_oldest(batch);
            return Some((bin, Reason::LightLoad));
        }
        let bin = self.heaviest(now)?;
        let full = self.sums[bin].count == self.batch_size;
        self.fill(bin, batch);
        Some((bin, reason(full)))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::simulate::baselines::agreement::agree;
    use crate::simulate::tests::strategies::{times, workloads};

    proptest! {
        #[test]
        fn the_heaviest_bin_leads_the_nearest_bins(
            workload in workloads(),
            batch_size in 1usize..6,
            weight in prop_oneof![Just(Weight::Wait), Just(Weight::WaitSquared)],
            light_load in any::<bool>(),
        ) {
            let edges = Edges::new(&[0, 6, 12, 25, 50]).unwrap();
            let bin = |i: u32| edges.bin(workload.predicted[i as usize]);
            let rule = HeaviestBin::new(&workload, batch_size as u32, &edges, weight, light_load);
            agree(rule, &workload, |waiting, now| {
                let mut near = waiting.to_vec();
                let waited = |i: u32| u128::from(now - times(&workload)[i as usize]);
                let weigh = |b: usize| {
                    let first = waiting.iter().filter(|&&i| bin(i) == b).take(batch_size);
                    first.map(|&i| match weight {
                        Weight::Wait => waited(i),
                        Weight::WaitSquared => waited(i) * waited(i),
                    }).sum::<u128>()
                };
                // `max_by_key` returns the last of equals, here the oldest.
                let leader = waiting.iter().rev().max_by_key(|&&i| weigh(bin(i)));
                let leader = leader.map_or(0, |&i| bin(i));
                if !light_load || 5 * waiting.len() >= 8 * batch_size {
                    near.sort_by_key(|&i| (bin(i).abs_diff(leader), bin(i)));
                }
                near.truncate(batch_size);
                near
            });
        }
    }
}
