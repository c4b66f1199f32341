//! The rules, in order.

use super::entry::{Entry, Leaves};
use super::program::QUEUES;
use super::state::Reference;
use crate::{Fill, Order, Overrun, Reason};

/// What `worker` may take.
struct Eligible {
    /// By bin, in order.
    bins: Vec<Vec<Entry>>,
    overdue: Vec<Entry>,
    /// So many climbers wait that no request starts.
    bounded: bool,
}

impl Eligible {
    fn all(&self) -> impl Iterator<Item = &Entry> {
        self.bins.iter().flatten()
    }

    /// Keeps only climbers and one more ticket, if bounded.
    fn keep_climbers(&mut self, ticket: Option<u64>) {
        if self.bounded {
            for bin in &mut self.bins {
                bin.retain(|entry| entry.parked || Some(entry.ticket) == ticket);
            }
        }
    }
}

impl Reference {
    /// Returns the batch that leaves for `worker`.
    pub(super) fn next(&mut self, worker: usize) -> Option<Leaves> {
        let mut eligible = self.eligible(worker);
        let waiting = eligible.all().count();
        if waiting == 0 {
            return None;
        }
        if let Some(times) = self.config.costs.clone() {
            eligible.keep_climbers(None);
            return Some(self.measured(&times, &eligible.bins, &eligible.overdue));
        }
        let elastic = self.config.fill == Fill::Elastic;
        // A request that does not start only because of climbers is not passed by them once it is
        // overdue.
        let passed = eligible.bounded && eligible.overdue.iter().any(|head| !head.parked);
        if elastic && !self.closed && 10 * waiting < 16 * self.min_size() && !passed {
            return Some(self.light_load(&eligible));
        }
        if elastic || !self.closed {
            let first = eligible.overdue.iter().min_by_key(|head| head.ticket).cloned();
            if let Some(head) = first {
                return Some(self.led_by_overdue(eligible, &head));
            }
        }
        self.full_or_oldest(eligible)
    }

    fn eligible(&self, worker: usize) -> Eligible {
        let bins: Vec<_> = (0..QUEUES).map(|bin| self.bin(worker, bin)).collect();
        let overdue = self.overdue_heads(&bins);
        let parked = self.waiting.iter().filter(|entry| entry.parked).count();
        // While `max_parked` climbers wait only climbers leave, if they may: with strict fill, if
        // they hold a batch.
        let climbers = |bin: &Vec<Entry>| -> Vec<Entry> {
            bin.iter().filter(|entry| entry.parked).cloned().collect()
        };
        let may_continue = self.config.fill == Fill::Elastic
            || self.closed
            || overdue.iter().any(|head| head.parked)
            || bins.iter().any(|bin| self.completed(&climbers(bin)).is_some());
        let bounded = self.config.max_parked.is_some_and(|max| parked >= max)
            && bins.iter().flatten().any(|entry| entry.parked)
            && may_continue;
        Eligible { bins, overdue, bounded }
    }

    /// Returns the batch of rule 1: the oldest requests together, whatever their bins.
    fn light_load(&self, eligible: &Eligible) -> Leaves {
        let mut all: Vec<Entry> =
            eligible.all().filter(|entry| entry.parked || !eligible.bounded).cloned().collect();
        let mut ranks: Vec<_> = all.iter().map(|entry| self.overdue_first(entry)).collect();
        ranks.sort_unstable();
        ranks.truncate(self.min_size());
        let ranked = |rank: &(bool, u64, u64)| all.iter().find(|e| e.ticket == rank.2).unwrap();
        let sorted: Vec<_> = ranks.iter().map(|rank| ranked(rank).clone()).collect();
        let bin = sorted[0].bin;
        let fits = |n: &usize| self.fits(&sorted[..*n], bin);
        ranks.truncate((1..=sorted.len()).take_while(fits).last().unwrap());
        all.retain(|entry| ranks.contains(&self.overdue_first(entry)));
        all.sort_by_key(|e| (e.bin != bin, e.source(), e.bin, e.sequence));
        let limit = self.limit(&all);
        (all, bin, Reason::LightLoad, limit)
    }

    /// Returns the batch of rule 2: an overdue head leads, also from behind another queue's head.
    fn led_by_overdue(&self, mut eligible: Eligible, head: &Entry) -> Leaves {
        eligible.bins[head.bin].sort_by_key(|entry| entry.ticket != head.ticket);
        eligible.keep_climbers(Some(head.ticket));
        self.fill(&eligible.bins, head.bin, Reason::Overdue)
    }

    /// Returns the batch of rule 3, led by a full bin, or of rule 4, led by the oldest head.
    fn full_or_oldest(&self, mut eligible: Eligible) -> Option<Leaves> {
        eligible.keep_climbers(None);
        if let Some(bin) = self.first_full(&eligible.bins) {
            return Some(self.fill(&eligible.bins, bin, Reason::Full));
        }
        if self.config.fill == Fill::Strict && !self.closed {
            return None;
        }
        let heads = eligible.bins.iter().filter_map(|bin| bin.first());
        let oldest = heads.min_by_key(|head| (self.rank(head), head.bin)).unwrap().bin;
        let reason = if self.closed { Reason::Drain } else { Reason::Elastic };
        Some(self.fill(&eligible.bins, oldest, reason))
    }

    fn first_full(&self, bins: &[Vec<Entry>]) -> Option<usize> {
        let by_age = self.config.overrun == Overrun::Climb || self.config.ageing.is_some();
        let default = if by_age { Order::Oldest } else { Order::Formed };
        let full = bins.iter().filter(|bin| self.completed(bin).is_some());
        let first = match self.config.order.unwrap_or(default) {
            Order::Oldest | Order::Deadline => {
                full.min_by_key(|bin| (self.rank(&bin[0]), bin[0].bin))
            }
            Order::Formed => full.min_by_key(|bin| self.completed(bin)),
            Order::Shortest => full.min_by_key(|bin| bin[0].bin),
        };
        first.map(|bin| bin[0].bin)
    }

    /// Returns up to a batch from `leader`, with elastic fill also from the nearest bins.
    fn fill(&self, bins: &[Vec<Entry>], leader: usize, reason: Reason) -> Leaves {
        let mut order: Vec<usize> = (0..bins.len()).collect();
        order.sort_by_key(|&bin| (bin.abs_diff(leader), bin));
        if self.config.fill == Fill::Strict {
            order.truncate(1);
        }
        let (mut rows, mut room): (Vec<Entry>, _) = (Vec::new(), usize::MAX);
        for bin in order {
            let smaller = room.min(self.size(bin));
            for entry in &bins[bin] {
                let more = [&rows[..], std::slice::from_ref(entry)].concat();
                if rows.len() >= smaller || !self.fits(&more, leader) {
                    break;
                }
                (rows, room) = (more, smaller);
            }
        }
        let limit = self.limit(&rows);
        (rows, leader, reason, limit)
    }
}
