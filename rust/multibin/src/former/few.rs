//! Rule 1: when little waits, the oldest leave together whatever their bins.

use super::{FRESH, Formed, Former, View};
use crate::config::Rules;
use crate::request::Reason;
use crate::waiting::Entry;

/// An entry with its place in the order of the rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ranked {
    /// The ticket; above all tickets' range unless overdue.
    rank: u64,
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
    /// Overdue ones first, then by arrival.
    fn rank(&self, entry: &Entry) -> u64 {
        let overdue = self.rules.overdue(self.taken, entry.due, entry.row.entered, self.now);
        entry.row.ticket | (u64::from(!overdue) << 63)
    }
}

impl Former {
    /// Up to a batch of the oldest, the overdue ones before the others, in the order of their bins but
    /// the leader's bin first. Something must wait.
    pub(super) fn few(&mut self, now: u64, view: View) -> Formed {
        let ranking = Ranking { now, taken: self.taken, rules: self.rules };
        let mut ranked = std::mem::take(&mut self.ranked);
        self.rank(view, ranking, &mut ranked);
        let last = last_rank(&ranked, self.rules.batch_size as usize);
        ranked.retain(|entry| last.is_none_or(|last| entry.rank <= last));
        let leader = ranked.iter().min_by_key(|entry| entry.rank).expect("something waits");
        let bin = leader.bin;
        let led = ranked.iter().filter(|entry| entry.bin == bin);
        let others = ranked.iter().filter(|entry| entry.bin != bin);
        let mut rows = Vec::with_capacity(ranked.len());
        rows.extend(led.map(|entry| self.slab.row(entry.at)));
        rows.extend(others.map(|entry| self.slab.row(entry.at)));
        let limit = self.limit(bin as usize, &rows);
        self.remove(view, ranking, last);
        self.ranked = ranked;
        Formed { rows, limit, bin: bin as usize, reason: Reason::Few }
    }

    fn rank(&self, view: View, ranking: Ranking, ranked: &mut Vec<Ranked>) {
        ranked.clear();
        for queues in self.sources(view) {
            for (bin, queue) in (0..).zip(queues).filter(|(_, queue)| queue.len > 0) {
                let entries = queue.iter(&self.slab);
                ranked.extend(entries.map(|(at, e)| Ranked { rank: ranking.rank(e), bin, at }));
            }
        }
    }

    /// Removes every entry that ranks up to `last`; without it, every entry.
    fn remove(&mut self, view: View, ranking: Ranking, last: Option<u64>) {
        let own = self.own.get_mut(&view.worker);
        let fresh = Some(&mut self.fresh).filter(|_| !view.parked_only);
        for (source, bins) in [own, Some(&mut self.anyones), fresh].into_iter().enumerate() {
            let Some(bins) = bins.filter(|bins| bins.waiting > 0) else { continue };
            let before = bins.waiting;
            bins.waiting = 0;
            for queue in &mut bins.queues {
                match last {
                    None => queue.clear(&mut self.slab),
                    Some(last) => {
                        let kept = |entry: &Entry| ranking.rank(entry) > last;
                        queue.retain(&mut self.slab, self.rules.batch_size, kept);
                    }
                }
                bins.waiting += queue.len as usize;
            }
            self.parked -= if source == FRESH { 0 } else { before - bins.waiting };
        }
    }
}

/// The rank of the last entry that fits in a batch of `room`; `None` if all do.
fn last_rank(ranked: &[Ranked], room: usize) -> Option<u64> {
    let mut ranks: Vec<u64> = match ranked.len() {
        len if len <= room => return None,
        _ => ranked.iter().map(|entry| entry.rank).collect(),
    };
    Some(*ranks.select_nth_unstable(room - 1).1)
}
