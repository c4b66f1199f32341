//! The rule with measured costs, written down naively.

use super::entry::{Entry, Leaves};
use super::state::Reference;
use crate::Reason;
use crate::costs::BatchTimes;

impl Reference {
    /// Returns the batch of an overdue head, or else of the oldest head. `bins`: what may join it.
    pub(super) fn measured(
        &mut self,
        times: &BatchTimes,
        bins: &[Vec<Entry>],
        overdue: &[Entry],
    ) -> Leaves {
        let first_overdue = overdue.iter().min_by_key(|head| head.ticket);
        let heads = bins.iter().filter_map(|bin| bin.first());
        let oldest = heads.min_by_key(|head| (self.rank(head), head.bin));
        let leader = first_overdue.or(oldest).unwrap();
        let full = self.completed(&bins[leader.bin]).is_some();
        let reason = match (first_overdue, full, self.closed) {
            (Some(_), ..) => Reason::Overdue,
            (None, true, _) => Reason::Full,
            (None, false, true) => Reason::Drain,
            (None, false, false) => Reason::Elastic,
        };
        let rows = if full {
            self.plan = None;
            self.first_batch(leader, &bins[leader.bin])
        } else {
            self.part(times, bins, leader)
        };
        (rows, leader.bin, reason, None)
    }

    /// Returns the leader's part of the last cut, if its other parts are all that waits, or of
    /// another cut.
    fn part(&mut self, times: &BatchTimes, bins: &[Vec<Entry>], leader: &Entry) -> Vec<Entry> {
        let mut cut = self.plan.take().unwrap_or_else(|| {
            let cut = self.best_cut(times, &self.window(bins, leader));
            let tickets = |part: Vec<Entry>| part.iter().map(|row| row.ticket).collect();
            cut.into_iter().map(tickets).collect()
        });
        let leaders = cut.iter().position(|part| part.contains(&leader.ticket)).unwrap();
        let part = cut.swap_remove(leaders);
        let rest: usize = cut.iter().map(Vec::len).sum();
        let is_all = part.len() + rest == self.waiting.len();
        self.plan = Some(cut).filter(|_| is_all && self.waiting.iter().all(|row| !row.parked));
        let row = |ticket: &u64| self.waiting.iter().find(|row| row.ticket == *ticket).unwrap();
        part.iter().map(row).cloned().collect()
    }

    /// Returns the leader and the first others of its bin.
    fn first_batch(&self, leader: &Entry, bin: &[Entry]) -> Vec<Entry> {
        let others = bin.iter().filter(|entry| entry.ticket != leader.ticket);
        let rows: Vec<Entry> = [leader].into_iter().chain(others).cloned().collect();
        let most = self.size(leader.bin).min(rows.len());
        let fit = (1..=most).take_while(|&count| self.fits(&rows[..count], leader.bin));
        rows[..fit.last().unwrap()].to_vec()
    }

    /// Returns the first entries of the leader's queue, the others of its bin and those of the
    /// nearest bins, by length.
    fn window(&self, bins: &[Vec<Entry>], leader: &Entry) -> Vec<Entry> {
        let size = self.size(leader.bin);
        let most = (4 * size).clamp(32, 64).max(2 * size).min(256);
        let mut entries = vec![leader.clone()];
        let others = bins.iter().flatten().filter(|entry| entry.ticket != leader.ticket);
        entries.extend(others.cloned());
        entries.sort_by_key(|entry| {
            let in_queue = entry.queue() == leader.queue();
            let away = (entry.bin.abs_diff(leader.bin), entry.bin);
            (!in_queue, away, entry.source())
        });
        entries.truncate(most);
        entries.sort_by_key(steps);
        entries
    }

    /// Returns the division of sorted entries into allowed batches that takes the least time.
    fn best_cut(&self, times: &BatchTimes, sorted: &[Entry]) -> Vec<Vec<Entry>> {
        let times = times.with_max_rows(sorted.len().max(1) as u32).unwrap();
        let mut cuts: Vec<(f32, Vec<Vec<Entry>>)> = vec![(0.0, Vec::new())];
        for end in 1..=sorted.len() {
            let longest = steps(&sorted[end - 1]);
            let mut best: Option<(f32, usize)> = None;
            for begin in (0..end).filter(|&begin| self.is_allowed(&sorted[begin..end])) {
                let seconds = times.seconds((end - begin) as u32, longest) as f32 + cuts[begin].0;
                if best.is_none_or(|(least, _)| seconds < least) {
                    best = Some((seconds, begin));
                }
            }
            let (seconds, begin) = best.unwrap();
            let parts = [&cuts[begin].1[..], &[sorted[begin..end].to_vec()]].concat();
            cuts.push((seconds, parts));
        }
        cuts.pop().unwrap().1
    }

    /// Returns true if sorted entries may be a batch: no row, from the longest one down, exceeds a
    /// size, the budget or the padding.
    fn is_allowed(&self, sorted: &[Entry]) -> bool {
        let rows: Vec<Entry> = sorted.iter().rev().cloned().collect();
        let within = |row: &Entry| rows.len() <= self.size(row.bin);
        rows.iter().all(within)
            && (1..=rows.len()).all(|count| self.fits(&rows[..count], rows[0].bin))
    }
}

/// Returns the length by which the costs know a row.
fn steps(entry: &Entry) -> u32 {
    entry.length.max(entry.progress)
}
