//! What waits around a leader.

use super::bins::{Bins, Eligible};
use super::former::Former;
use super::measured::Window;
use super::waiting::{Home, Owner};

/// The queues that a batch may take from: the worker's climbers, shared climbers, new requests.
type Sources<'a> = [&'a Bins];

impl Former {
    /// Fills a window with the first entries of the leader's queue. The others of its bin follow,
    /// then those of the nearest bins, the lower of two first.
    pub(super) fn look_around(&self, eligible: Eligible, leader: Home, window: &mut Window) {
        let most = Window::most(self.full.rows(leader.bin));
        let sources: Vec<&Bins> = self.queues.sources(eligible).into_iter().flatten().collect();
        window.clear();
        // An overdue leader starts alone where no other request may start.
        let alone = leader.owner == Owner::New && eligible.max_new == 0;
        let count = if alone { 1 } else { most };
        window.look_at(&self.slab, leader, self.queues.queue(leader), count);
        let others = sources.iter().filter(|bins| bins.owner() != leader.owner);
        self.look_in(others, leader.bin, most, window);
        self.look_beside(&sources, leader.bin, most, window);
        window.sort();
    }

    /// Adds entries of the bins beside the leader's.
    fn look_beside(&self, sources: &Sources, bin: usize, most: usize, window: &mut Window) {
        let at_most = |at: usize| sources.iter().filter_map(|bins| bins.at_most(at)).max();
        let below = |at: usize| at_most(at.checked_sub(1)?);
        let above = |at| sources.iter().filter_map(|bins| bins.at_least(at + 1)).min();
        let (mut low, mut high) = (below(bin), above(bin));
        while window.len() < most {
            match (low, high) {
                (Some(next), high) if high.is_none_or(|high| bin - next <= high - bin) => {
                    self.look_in(sources, next, most, window);
                    low = below(next);
                }
                (_, Some(next)) => {
                    self.look_in(sources, next, most, window);
                    high = above(next);
                }
                (_, None) => return,
            }
        }
    }

    /// Adds the first entries of the queues of a bin.
    fn look_in<'a>(
        &self,
        sources: impl IntoIterator<Item = &'a &'a Bins>,
        bin: usize,
        most: usize,
        window: &mut Window,
    ) {
        for bins in sources {
            let home = Home { owner: bins.owner(), bin };
            window.look_at(&self.slab, home, bins.queue(bin), most - window.len());
        }
    }
}
