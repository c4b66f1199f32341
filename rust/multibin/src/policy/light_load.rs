//! Rule 1: when little waits, the oldest leave together whatever their bins.

use super::bins::Bins;
use super::former::{Formed, Former, View};
use super::load::{Full, Load};
use super::rules::Rules;
use super::ticket_index::TicketIndex;
use super::waiting::{Entry, Head, Rank, Slab};
use crate::request::Reason;

/// An entry with its place in the order of the rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ranked {
    /// From the top bit down: whether it is not overdue, its rank, its ticket.
    rank: u128,
    bin: u32,
    at: u32,
}

/// What ranks an entry, apart from the queues so that these can change meanwhile.
#[derive(Clone, Copy)]
struct Ranking {
    now: u64,
    taken: u64,
    rules: Rules,
}

impl Ranking {
    /// Overdue ones first, by arrival; the others by arrival, too.
    fn seniority(&self, head: &Head) -> u64 {
        let overdue = self.rules.overdue(self.taken, head.due, head.entered, self.now);
        u64::from(!overdue) << 63 | head.ticket
    }

    /// Overdue ones first, by arrival; then by rank.
    fn rank(&self, entry: &Entry, due: u64) -> u128 {
        let overdue = self.rules.overdue(self.taken, due, entry.row.entered, self.now);
        let ticket = entry.row.ticket;
        let rank = if overdue { ticket } else { self.rules.rank.of(&entry.row) };
        u128::from(!overdue) << 127 | u128::from(rank) << 63 | u128::from(ticket)
    }
}

impl Former {
    /// Up to a batch of the oldest, the overdue ones before the others, in the order of their bins but
    /// the leader's bin first. A batch could have something.
    pub(super) fn light_load(&mut self, now: u64, view: View) -> Formed {
        let ranking = Ranking { now, taken: self.taken, rules: self.rules };
        if self.leave_together(view) {
            return self.few_at_once(ranking);
        }
        let mut ranked = std::mem::take(&mut self.ranked);
        let last_start = self.rank(view, ranking, &mut ranked);
        let mut last = cut(&mut ranked, 0, self.rules.batch_size as usize);
        if self.rules.limited() {
            last = self.fitting(&mut ranked).unwrap_or(last);
        }
        let leader = ranked.iter().min_by_key(|entry| entry.rank).expect("something waits");
        let bin = leader.bin;
        let led = ranked.iter().filter(|entry| entry.bin == bin);
        let others = ranked.iter().filter(|entry| entry.bin != bin);
        let mut rows = Vec::with_capacity(ranked.len());
        rows.extend(led.map(|entry| self.slab.entry(entry.at).row));
        rows.extend(others.map(|entry| self.slab.entry(entry.at).row));
        let limit = self.limit(bin as usize, &rows);
        self.take_ranked(view, ranking, [last, last.min(last_start)]);
        self.ranked = ranked;
        Formed::new(rows, limit, bin as usize, Reason::LightLoad)
    }

    /// Whether everything leaves, and each bin is in the order of the rule (but for what two producers
    /// published in another order than they were admitted).
    fn leave_together(&self, view: View) -> bool {
        let room = view.starts.min(self.rules.batch_size as usize);
        let ordered = self.rules.rank == Rank::Ticket && !self.anew;
        ordered && self.parked == 0 && !self.rules.limited() && self.fresh.waiting <= room
    }

    fn few_at_once(&mut self, ranking: Ranking) -> Formed {
        let heads = self.fresh.occupied().map(|(bin, queue)| (ranking.seniority(&queue.head), bin));
        let (_, bin) = heads.min().expect("something waits");
        let mut rows = Vec::with_capacity(self.fresh.waiting);
        let mut next = Some(bin);
        while let Some(bin) = next {
            self.take_fresh(usize::MAX, bin, &mut rows);
            self.heads.invalidate(bin);
            next = self.fresh.at_least(0);
        }
        self.keep_deadlines();
        let limit = self.limit(bin, &rows);
        Formed::new(rows, limit, bin, Reason::LightLoad)
    }

    /// Ranks what the view shows; of those who have not started the first `starts`, and returns the
    /// rank of their last.
    fn rank(&self, view: View, ranking: Ranking, ranked: &mut Vec<Ranked>) -> u128 {
        let [own, anyones, fresh] = self.sources(view);
        ranked.clear();
        self.rank_all(own, ranking, ranked);
        self.rank_all(anyones, ranking, ranked);
        let climbers = ranked.len();
        self.rank_all(fresh, ranking, ranked);
        cut(ranked, climbers, view.starts)
    }

    /// Keeps those who fit, by rank up to the first who does not; the rank of the last one then.
    fn fitting(&self, ranked: &mut Vec<Ranked>) -> Option<u128> {
        let mut sorted: Vec<Ranked> = ranked.clone();
        sorted.sort_unstable_by_key(|entry| entry.rank);
        let leader = sorted[0].bin;
        let mut load = Load::EMPTY;
        let refused = sorted.iter().position(|entry| {
            load = load.with(&self.slab.entry(entry.at).row);
            !self.rules.fits(&load, entry.bin == leader)
        })?;
        let last = sorted[refused - 1].rank;
        ranked.retain(|entry| entry.rank <= last);
        Some(last)
    }

    fn rank_all(&self, bins: Option<&Bins>, ranking: Ranking, ranked: &mut Vec<Ranked>) {
        for (bin, queue) in bins.into_iter().flat_map(Bins::occupied) {
            let bin = bin as u32;
            let entries = queue.dues(&self.slab);
            ranked.extend(entries.map(|(at, entry, due)| Ranked {
                rank: ranking.rank(entry, due),
                bin,
                at,
            }));
        }
    }

    /// Removes from each source of the view every entry that ranks up to its last one.
    fn take_ranked(&mut self, view: View, ranking: Ranking, [climbers, starters]: [u128; 2]) {
        let mut from = From { slab: &mut self.slab, places: &mut self.places, sizes: &self.sizes };
        let own = view.worker.and_then(|worker| self.own.get_mut(&worker));
        for bins in own.into_iter().chain([&mut self.anyones]) {
            self.parked -= from.take(bins, ranking, climbers, |_| ());
        }
        if view.starts > 0 {
            let changed = |bin| self.heads.invalidate(bin);
            from.take(&mut self.fresh, ranking, starters, changed);
            self.keep_deadlines();
        }
    }
}

/// What all queues share.
struct From<'a> {
    slab: &'a mut Slab,
    places: &'a mut TicketIndex,
    sizes: &'a [u32],
}

impl From<'_> {
    /// Removes every entry that ranks up to `last`; returns how many, and tells of every bin.
    fn take(
        &mut self,
        bins: &mut Bins,
        ranking: Ranking,
        last: u128,
        mut changed: impl FnMut(usize),
    ) -> usize {
        let before = bins.waiting;
        let mut next = bins.at_least(0);
        while let Some(bin) = next {
            if last == ALL {
                bins.edit(bin, |queue| queue.clear(self.slab));
            } else {
                let kept = |entry: &Entry, due| ranking.rank(entry, due) > last;
                let places = &mut *self.places;
                bins.edit(bin, |queue| {
                    queue.retain(self.slab, kept);
                    queue.compact(self.slab, |ticket, from, to| places.moved(ticket, from, to));
                });
            }
            let full = Full { rows: self.sizes[bin], budget: ranking.rules.budget };
            bins.find_full(self.slab, bin, full);
            changed(bin);
            next = bins.at_least(bin + 1);
        }
        before - bins.waiting
    }
}

/// The last rank where nothing is left out.
const ALL: u128 = u128::MAX;

/// Of the entries from position `from` on, keeps the first `room` by rank; the rank of the last of
/// them, or `ALL`.
fn cut(ranked: &mut Vec<Ranked>, from: usize, room: usize) -> u128 {
    if ranked.len() - from <= room {
        return ALL;
    }
    let mut ranks: Vec<_> = ranked[from..].iter().map(|entry| entry.rank).collect();
    let last = *ranks.select_nth_unstable(room - 1).1;
    let mut before = from;
    ranked.retain(|entry| {
        let early = before > 0;
        before -= usize::from(early);
        early || entry.rank <= last
    });
    last
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use crate::{Batch, Config, Edges, Overrun, Reason, Scheduler};

    /// Ticket 0 starts anew behind later ones, some of which leave before it: it is the oldest all
    /// the same, and its bin leads.
    #[test]
    fn who_starts_anew_leads_from_behind() {
        let config = Config { overrun: Overrun::Climb, ..Config::new(3) };
        let scheduler = Scheduler::new(Edges::new(&[0, 10, 20]).unwrap(), config).unwrap();
        let [gone, worker] = [scheduler.worker(), scheduler.worker()];
        scheduler.submit(0, 5).unwrap();
        let first = gone.next_batch(None).unwrap();
        for (key, length) in [(1, 15), (2, 5), (3, 5), (4, 5), (5, 5)] {
            scheduler.submit(key, length).unwrap();
        }
        first.resubmit(&[(0, 1)], false).unwrap();
        gone.close();
        let batches = [0, 1].map(|_| worker.next_batch(Some(Duration::ZERO)).unwrap());
        let keys = batches
            .each_ref()
            .map(|batch| batch.rows().iter().map(|row| row.key).collect::<Vec<_>>());
        assert_eq!(batches.each_ref().map(Batch::reason), [Reason::Full, Reason::LightLoad]);
        assert_eq!(keys, [vec![2, 3, 4], vec![5, 0, 1]]);
        assert_eq!(batches[1].bin(), 0);
    }
}
