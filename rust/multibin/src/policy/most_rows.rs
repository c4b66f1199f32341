//! How many rows a batch of a cut may have.

use super::batch_cost::BatchCost;
use super::former::Former;
use super::measured::Window;

impl Former {
    /// Finds by sorted entry the most rows of a batch in which it is the longest, at most `most`.
    ///
    /// They are no more than the smallest size of the rows' bins, and within the budget and the
    /// padding.
    pub(super) fn find_most_rows(&self, window: &Window, most: usize, most_rows: &mut Vec<u32>) {
        most_rows.clear();
        if self.rules.min_batch_size == self.rules.max_batch_size {
            let most = most.min(self.rules.max_batch_size as usize);
            most_rows.extend((1..=window.len()).map(|rows| rows.min(most) as u32));
        } else {
            self.find_within_sizes(window, most, most_rows);
        }
        if self.rules.bounds_cost() {
            for (longest, rows) in most_rows.iter_mut().enumerate() {
                *rows = self.fitting(window, longest, *rows as usize);
            }
        }
    }

    /// Finds how many rows the sizes of the bins allow. The largest batch that ends later begins
    /// later or at the same entry.
    fn find_within_sizes(&self, window: &Window, most: usize, most_rows: &mut Vec<u32>) {
        let mut sizes = [0; Window::MOST];
        let (mut begin, mut falling) = (0, true);
        for longest in 0..window.len() {
            let (end, size) = (longest + 1, self.full.rows(window.bin(longest)).min(most));
            falling &= longest == 0 || size <= sizes[longest - 1];
            sizes[longest] = size;
            begin = begin.max(end.saturating_sub(size));
            // Only if sizes rise with lengths may a shorter row allow fewer than the longest.
            while !falling && let Some(at) = (begin..end).rev().find(|&at| sizes[at] < end - begin)
            {
                begin = (at + 1).min(end - sizes[at]);
            }
            most_rows.push((end - begin) as u32);
        }
    }

    /// Returns how many of `rows` rows with the entry `longest` fit, it and the next shorter ones.
    fn fitting(&self, window: &Window, longest: usize, rows: usize) -> u32 {
        let bin = window.bin(longest);
        let mut cost = BatchCost::EMPTY;
        let fits = |&at: &usize| {
            cost = cost.with(&self.slab.entry(window.position(at)).row);
            self.rules.fits(&cost, window.bin(at) == bin)
        };
        (longest + 1 - rows..=longest).rev().take_while(fits).count().max(1) as u32
    }
}
