//! The arrival process of a simulation.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::arrivals::Arrivals;

/// Generates the arrivals of a running simulation.
pub(super) struct ArrivalProcess<'a> {
    arrivals: &'a Arrivals,
    arrived: usize,
    /// Future completions of the users' requests. A pause begins at each; at first at time 0.
    completions: BinaryHeap<Reverse<u64>>,
    /// Ends of the users' pauses.
    pause_ends: BinaryHeap<Reverse<u64>>,
    /// Pauses that have begun.
    pauses_begun: usize,
}

impl<'a> ArrivalProcess<'a> {
    pub(super) fn new(arrivals: &'a Arrivals) -> Self {
        let completions = match *arrivals {
            Arrivals::At(_) => BinaryHeap::new(),
            Arrivals::Users { count, .. } => vec![Reverse(0); count.min(arrivals.len())].into(),
        };
        Self { arrivals, arrived: 0, completions, pause_ends: BinaryHeap::new(), pauses_begun: 0 }
    }

    /// Returns the number of requests that have arrived: also the position of the next one.
    pub(super) fn arrived(&self) -> usize {
        self.arrived
    }

    pub(super) fn all_arrived(&self) -> bool {
        self.arrived == self.arrivals.len()
    }

    /// Returns when the next request arrives, or completes so that a pause begins.
    #[inline]
    pub(super) fn next_event(&self) -> Option<u64> {
        if let Arrivals::At(times) = self.arrivals {
            return times.get(self.arrived).copied();
        }
        let next = [self.pause_ends.peek(), self.completions.peek()].into_iter().flatten().max();
        next.map(|&Reverse(time)| time)
    }

    /// Returns when the next request of an open loop arrives, if that is before `until`.
    #[inline]
    pub(super) fn next_before(&self, until: u64) -> Option<u64> {
        match self.arrivals {
            Arrivals::At(times) => times.get(self.arrived).copied().filter(|&time| time < until),
            Arrivals::Users { .. } => None,
        }
    }

    /// Returns true if completions let requests arrive.
    #[inline]
    pub(super) fn is_closed_loop(&self) -> bool {
        matches!(self.arrivals, Arrivals::Users { .. })
    }

    /// Takes the next request, if it has arrived at `now`. Returns its position and its arrival.
    #[inline]
    pub(super) fn take(&mut self, now: u64) -> Option<(usize, u64)> {
        let time = match self.arrivals {
            Arrivals::At(times) => times.get(self.arrived).copied().filter(|&time| time <= now)?,
            Arrivals::Users { pauses, .. } => self.end_pause(now, pauses)?,
        };
        self.arrived += 1;
        Some((self.arrived - 1, time))
    }

    /// Begins the pauses that begin by `now`, and ends the first that ends by `now`. Returns its
    /// end.
    #[inline(never)]
    fn end_pause(&mut self, now: u64, pauses: &[u64]) -> Option<u64> {
        while let Some(&Reverse(completed)) = self.completions.peek()
            && completed <= now
        {
            self.completions.pop();
            let pause = pauses.get(self.pauses_begun);
            self.pause_ends.extend(pause.map(|pause| Reverse(completed.saturating_add(*pause))));
            self.pauses_begun += 1;
        }
        let &Reverse(time) = self.pause_ends.peek().filter(|&&Reverse(time)| time <= now)?;
        self.pause_ends.pop();
        Some(time)
    }

    /// Completes a request at `time`, which may lie in the future: its user pauses then.
    #[inline]
    pub(super) fn complete(&mut self, time: u64) {
        if let Arrivals::Users { .. } = self.arrivals {
            self.completions.push(Reverse(time));
        }
    }
}
