//! Scans the bins for the candidates to lead a batch.

use super::batch_cost::BatchCost;
use super::bins::{Bins, Eligible};
use super::candidate::{Candidate, Scan};
use super::former::Former;
use super::waiting::{BinQueue, Entry, Head, Owner};
use crate::config::Order;
use crate::request::WorkerId;

/// The queues that a batch may take from: the worker's climbers, shared climbers, new requests.
type Sources<'a> = [Option<&'a Bins>; 3];

impl Former {
    /// Returns the candidates to lead a batch. `pinned_to`: only in the bins in which climbers of
    /// that worker wait.
    pub(super) fn scan(&self, now: u64, eligible: Eligible, pinned_to: Option<WorkerId>) -> Scan {
        if self.queues.climbing(eligible.worker) > 0 {
            return self.scan_bins(now, eligible, pinned_to);
        }
        let full = eligible.max_new >= self.rules.max_batch_size as usize;
        Scan {
            oldest: Candidate::of(&self.heads.ranks),
            overdue: self.overdue_new(now),
            full: if full { Candidate::of(&self.heads.full_ranks) } else { Candidate::NONE },
        }
    }

    /// Returns the candidates to lead a batch of new requests, without the full bins. Needs no
    /// refreshed heads. O(bins that are not empty).
    pub(super) fn scan_new(&self, now: u64) -> Scan {
        let mut scan =
            Scan { oldest: Candidate::NONE, overdue: Candidate::NONE, full: Candidate::NONE };
        for (bin, queue) in self.queues.new_requests().occupied() {
            scan.oldest.offer(queue.head.rank, bin);
            if self.is_overdue(&queue.head, now) {
                scan.overdue.offer(queue.head.ticket, (bin, Owner::New));
            }
        }
        scan
    }

    /// Returns the oldest of the overdue heads of new requests.
    pub(super) fn overdue_new(&self, now: u64) -> Candidate<(usize, Owner)> {
        let mut overdue = Candidate::NONE;
        if self.any_new_overdue(now) {
            for (bin, queue) in self.queues.new_requests().occupied() {
                if self.is_overdue(&queue.head, now) {
                    overdue.offer(queue.head.ticket, (bin, Owner::New));
                }
            }
        }
        overdue
    }

    /// Returns true if any new request is overdue.
    fn any_new_overdue(&self, now: u64) -> bool {
        let (bound, entered) = (self.heads.bypass_bounds.min(), self.heads.entered.min());
        self.rules.is_overdue(self.taken, bound, entered, now)
    }

    #[inline]
    fn is_overdue(&self, head: &Head, now: u64) -> bool {
        head.entered != u64::MAX
            && self.rules.is_overdue(self.taken, head.bypass_bound, head.entered, now)
    }

    /// Scans all bins that are not empty. With climbers a bin's head and what waits in it differ
    /// from worker to worker.
    fn scan_bins(&self, now: u64, eligible: Eligible, pinned_to: Option<WorkerId>) -> Scan {
        let [oldest, full] = [Candidate::NONE; 2];
        let mut scan = Scan { oldest, overdue: Candidate::NONE, full };
        let sources = self.queues.sources(eligible);
        let max_new = u32::try_from(eligible.max_new).unwrap_or(u32::MAX);
        let pinned = pinned_to.map(|worker| [self.queues.pinned(worker), None, None]);
        let scanned = pinned.unwrap_or(sources);
        let mut next = at_least(&scanned, 0);
        while let Some(bin) = next {
            self.scan_bin(now, &sources, bin, max_new, &mut scan);
            next = at_least(&scanned, bin + 1);
        }
        scan
    }

    fn scan_bin(&self, now: u64, sources: &Sources, bin: usize, max_new: u32, scan: &mut Scan) {
        let (head, eligible) = head(sources, bin, max_new);
        scan.oldest.offer(head.rank, bin);
        for bins in sources.iter().flatten() {
            let head = &bins.queue(bin).head;
            if self.is_overdue(head, now) {
                scan.overdue.offer(head.ticket, (bin, bins.owner()));
            }
        }
        if eligible > 0
            && let Some(completed) = self.completed(sources, bin, eligible)
        {
            scan.full.offer(self.rules.full_rank(bin, completed, head.rank), bin);
        }
    }

    /// Returns true if the eligible entries of `bin` are a batch.
    pub(super) fn is_full(&self, eligible: Eligible, bin: usize) -> bool {
        let max_new = u32::try_from(eligible.max_new).unwrap_or(u32::MAX);
        if self.queues.climbing(eligible.worker) == 0 {
            let full = self.full.of(bin);
            return max_new >= full.rows && self.queues.new_requests().is_full(bin, full);
        }
        let sources = self.queues.sources(eligible);
        let (_, count) = head(&sources, bin, max_new);
        count > 0 && self.completed(&sources, bin, count).is_some()
    }

    /// Returns the first head of the eligible entries of `bin`: that of which owner.
    pub(super) fn first_owner(&self, eligible: Eligible, bin: usize) -> Owner {
        let sources = self.queues.sources(eligible);
        let heads = sources.into_iter().flatten().map(|bins| (&bins.queue(bin).head, bins.owner()));
        let first = heads.min_by_key(|(head, _)| (head.rank_in_bin, head.ticket));
        first.map_or(Owner::New, |(_, owner)| owner)
    }

    /// Returns the sequence number of the entry that completes a batch of `bin`, or 0 where that
    /// decides nothing. `eligible` of the bin's entries could be in one batch.
    fn completed(&self, sources: &Sources, bin: usize, eligible: u32) -> Option<u64> {
        let full = self.full.of(bin);
        let left_behind = sources.iter().flatten().filter(|bins| bins.is_left_behind(bin));
        if let Some(rank) = left_behind.map(|bins| bins.queue(bin).head.rank_in_bin).min() {
            return Some(rank);
        }
        let enough = eligible >= full.rows;
        if enough && self.rules.order != Order::Formed {
            return Some(0);
        }
        if !enough && full.budget.is_none() {
            return None;
        }
        let mut cost = BatchCost::EMPTY;
        let completes = |(rows, entry): (u32, &Entry)| {
            cost = cost.with(&entry.row);
            (rows == full.rows || !cost.fits(full.budget)).then_some(entry.sequence)
        };
        let merged = self.first_entries(sources, bin, full.rows as usize);
        (1..).zip(merged).take(eligible as usize).find_map(completes)
    }

    /// Returns the first `rows` entries of each queue of a bin, in the order of their ranks.
    fn first_entries(&self, sources: &Sources, bin: usize, rows: usize) -> Vec<&Entry> {
        let queues = sources.iter().flatten().map(|bins| bins.queue(bin));
        let first = |queue: &'_ BinQueue| queue.iter(&self.slab).take(rows);
        let entries = queues.flat_map(|queue| first(queue).map(|(_, entry)| entry));
        let mut merged: Vec<&Entry> = entries.collect();
        let ranking = self.rules.ranking;
        merged.sort_unstable_by_key(|entry| {
            (ranking.rank_in_bin(&entry.row, entry.sequence), entry.row.ticket)
        });
        merged
    }
}

/// Returns the lowest bin from `from` on in which an entry waits.
fn at_least(sources: &Sources, from: usize) -> Option<usize> {
    sources.iter().flatten().filter_map(|bins| bins.at_least(from)).min()
}

/// Returns the first head of a bin, and how many of the bin's entries could be in one batch.
#[inline]
fn head<'a>(sources: &Sources<'a>, bin: usize, max_new: u32) -> (&'a Head, u32) {
    let (mut first, mut eligible) = (&Head::NONE, 0);
    for (source, max) in sources.iter().zip([u32::MAX, u32::MAX, max_new]) {
        let Some(queue) = source.map(|bins| bins.queue(bin)) else { continue };
        eligible += queue.len.min(max);
        if (queue.head.rank_in_bin, queue.head.ticket) < (first.rank_in_bin, first.ticket) {
            first = &queue.head;
        }
    }
    (first, eligible)
}
