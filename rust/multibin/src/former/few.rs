//! Rule 1: when little waits, the oldest leave together whatever their bins.

use super::{Formed, Former, WorkerId};
use crate::request::{Reason, Row};
use crate::waiting::{Entry, Queue};

/// Overdue ones (false) before all others (true), then by arrival.
type Rank = (bool, u64);

struct Picked {
    rank: Rank,
    bin: usize,
    row: Row,
}

/// What ranks an entry, apart from the queues so that these can change meanwhile.
#[derive(Clone, Copy)]
struct Ranking {
    now: u64,
    taken: u64,
    max_wait: Option<u64>,
}

impl Ranking {
    fn rank(&self, entry: &Entry) -> Rank {
        let waited = |max| self.now.saturating_sub(entry.row.entered) >= max;
        let overdue = self.taken > entry.due || self.max_wait.is_some_and(waited);
        (!overdue, entry.row.ticket)
    }
}

impl Former {
    /// Up to a batch of the oldest, the overdue ones first. Something must wait.
    pub(super) fn few(&mut self, now: u64, worker: WorkerId) -> Formed {
        let ranking = Ranking { now, taken: self.taken, max_wait: self.rules.max_wait };
        let last = self.last_rank(worker, ranking);
        let mut picked = self.extract(worker, ranking, last);
        picked.sort_unstable_by_key(|picked| picked.rank);
        let bin = picked[0].bin;
        let led: Vec<Row> =
            picked.iter().filter(|picked| picked.bin == bin).map(|picked| picked.row).collect();
        Formed {
            limit: self.limit(bin, &led),
            rows: picked.into_iter().map(|picked| picked.row).collect(),
            bin,
            reason: Reason::Few,
        }
    }

    /// The rank of the last entry that fits in the batch.
    fn last_rank(&self, worker: WorkerId, ranking: Ranking) -> Rank {
        let queues = self.shared.queues.iter().chain(self.own_queues(worker));
        let entries = queues.flat_map(|queue: &Queue| queue.iter(&self.slab));
        let mut ranks: Vec<Rank> = entries.map(|entry| ranking.rank(entry)).collect();
        ranks.sort_unstable();
        ranks[ranks.len().min(self.rules.batch_size as usize) - 1]
    }

    /// Takes every entry that ranks up to `last`.
    fn extract(&mut self, worker: WorkerId, ranking: Ranking, last: Rank) -> Vec<Picked> {
        let mut picked = Vec::new();
        let both = [Some(&mut self.shared), self.own.get_mut(&worker)];
        for bins in both.into_iter().flatten() {
            let before = picked.len();
            for (bin, queue) in
                bins.queues.iter_mut().enumerate().filter(|(_, queue)| queue.len > 0)
            {
                let wanted = |entry: &Entry| ranking.rank(entry) <= last;
                queue.extract(&mut self.slab, self.rules.batch_size, wanted, |entry| {
                    picked.push(Picked { rank: ranking.rank(entry), bin, row: entry.row });
                });
            }
            bins.waiting -= picked.len() - before;
        }
        picked
    }
}
