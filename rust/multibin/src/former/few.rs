//! Rule 1: when little waits, the oldest leave together whatever their bins.

use super::{FRESH, Formed, Former, View};
use crate::config::Rules;
use crate::request::Reason;
use crate::waiting::{Entry, Queue};

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
    /// the leader's bin first. A batch could have something.
    pub(super) fn few(&mut self, now: u64, view: View) -> Formed {
        let ranking = Ranking { now, taken: self.taken, rules: self.rules };
        let mut ranked = std::mem::take(&mut self.ranked);
        let last_start = self.rank(view, ranking, &mut ranked);
        let last = cut(&mut ranked, 0, self.rules.batch_size as usize);
        let leader = ranked.iter().min_by_key(|entry| entry.rank).expect("something waits");
        let bin = leader.bin;
        let led = ranked.iter().filter(|entry| entry.bin == bin);
        let others = ranked.iter().filter(|entry| entry.bin != bin);
        let mut rows = Vec::with_capacity(ranked.len());
        rows.extend(led.map(|entry| self.slab.row(entry.at)));
        rows.extend(others.map(|entry| self.slab.row(entry.at)));
        let limit = self.limit(bin as usize, &rows);
        self.take_ranked(view, ranking, [last, last, last.min(last_start)]);
        self.ranked = ranked;
        Formed { rows, limit, bin: bin as usize, reason: Reason::Few }
    }

    /// Ranks what the view shows; of those who have not started the first `starts`, and returns the
    /// rank of their last.
    fn rank(&self, view: View, ranking: Ranking, ranked: &mut Vec<Ranked>) -> u64 {
        let [own, anyones, fresh] = self.sources(view);
        ranked.clear();
        self.rank_all(own, ranking, ranked);
        self.rank_all(anyones, ranking, ranked);
        let climbers = ranked.len();
        self.rank_all(fresh, ranking, ranked);
        cut(ranked, climbers, view.starts)
    }

    fn rank_all(&self, queues: &[Queue], ranking: Ranking, ranked: &mut Vec<Ranked>) {
        for (bin, queue) in (0..).zip(queues).filter(|(_, queue)| queue.len > 0) {
            let entries = queue.iter(&self.slab);
            ranked.extend(entries.map(|(at, e)| Ranked { rank: ranking.rank(e), bin, at }));
        }
    }

    /// Removes from each source of the view every entry that ranks up to its last one.
    fn take_ranked(&mut self, view: View, ranking: Ranking, lasts: [u64; 3]) {
        let own = self.own.get_mut(&view.worker);
        let fresh = Some(&mut self.fresh).filter(|_| view.starts > 0);
        let sources = [own, Some(&mut self.anyones), fresh];
        for (source, (bins, last)) in sources.into_iter().zip(lasts).enumerate() {
            let Some(bins) = bins.filter(|bins| bins.waiting > 0) else { continue };
            let before = bins.waiting;
            bins.waiting = 0;
            for queue in &mut bins.queues {
                if last == ALL {
                    queue.clear(&mut self.slab);
                } else {
                    let kept = |entry: &Entry| ranking.rank(entry) > last;
                    queue.retain(&mut self.slab, self.rules.batch_size, kept);
                }
                bins.waiting += queue.len as usize;
            }
            self.parked -= if source == usize::from(FRESH) { 0 } else { before - bins.waiting };
        }
    }
}

/// The last rank where nothing is left out.
const ALL: u64 = u64::MAX;

/// Of the entries from position `from` on, keeps the first `room` by rank; the rank of the last of
/// them, or `ALL`.
fn cut(ranked: &mut Vec<Ranked>, from: usize, room: usize) -> u64 {
    if ranked.len() - from <= room {
        return ALL;
    }
    let mut ranks: Vec<u64> = ranked[from..].iter().map(|entry| entry.rank).collect();
    let last = *ranks.select_nth_unstable(room - 1).1;
    let mut before = from;
    ranked.retain(|entry| {
        let early = before > 0;
        before -= usize::from(early);
        early || entry.rank <= last
    });
    last
}
