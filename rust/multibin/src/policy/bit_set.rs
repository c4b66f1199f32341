//! A set of small integers that finds the nearest member.

/// One bit per integer, and above it one bit per word of the level below. Every operation reads a
/// word per level, log₆₄ of the range in all.
#[derive(Debug)]
pub(crate) struct BitSet {
    /// The integers themselves first.
    levels: Vec<Vec<u64>>,
}

impl BitSet {
    /// Makes an empty set, for integers below `range`.
    pub(crate) fn new(range: usize) -> Self {
        let mut levels = Vec::new();
        let mut words = range;
        while words > 1 || levels.is_empty() {
            words = words.div_ceil(64).max(1);
            levels.push(vec![0; words]);
        }
        Self { levels }
    }

    /// Makes a set of all integers below `range`.
    pub(crate) fn full(range: usize) -> Self {
        let mut set = Self::new(range);
        (0..range).for_each(|at| set.insert(at));
        set
    }

    #[inline]
    #[cfg(any(feature = "simulate", all(test, not(loom))))]
    pub(crate) fn is_empty(&self) -> bool {
        self.levels.last().is_none_or(|top| top[0] == 0)
    }

    #[inline]
    pub(crate) fn insert(&mut self, mut at: usize) {
        for level in &mut self.levels {
            let word = &mut level[at / 64];
            let known = *word != 0;
            *word |= 1 << (at % 64);
            if known {
                return;
            }
            at /= 64;
        }
    }

    #[inline]
    pub(crate) fn remove(&mut self, mut at: usize) {
        for level in &mut self.levels {
            let word = &mut level[at / 64];
            *word &= !(1 << (at % 64));
            if *word != 0 {
                return;
            }
            at /= 64;
        }
    }

    /// Returns the lowest member from `at` on.
    #[inline]
    pub(crate) fn at_least(&self, mut at: usize) -> Option<usize> {
        for (height, level) in self.levels.iter().enumerate() {
            let rest = level.get(at / 64)? >> (at % 64);
            if rest != 0 {
                let found = at + rest.trailing_zeros() as usize;
                return Some(self.descend(height, found, u64::trailing_zeros));
            }
            at = at / 64 + 1;
        }
        None
    }

    /// Returns the highest member up to `at`, which is below the range.
    #[inline]
    pub(crate) fn at_most(&self, mut at: usize) -> Option<usize> {
        for (height, level) in self.levels.iter().enumerate() {
            let rest = level[at / 64] << (63 - at % 64);
            if rest != 0 {
                let found = at - rest.leading_zeros() as usize;
                return Some(self.descend(height, found, u64::ilog2));
            }
            at = (at / 64).checked_sub(1)?;
        }
        None
    }

    /// Returns the integer below a member of a level that `choose` finds.
    #[inline]
    fn descend(&self, height: usize, from: usize, choose: impl Fn(u64) -> u32) -> usize {
        let down = self.levels[..height].iter().rev();
        down.fold(from, |at, level| at * 64 + choose(level[at]) as usize)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_tree_finds(
            range in prop_oneof![1usize..5, 60usize..70, 4_090usize..4_100, 5_000usize..300_000],
            members in prop::collection::vec((any::<u32>(), any::<bool>()), 0..200),
            asked in prop::collection::vec(any::<u32>(), 50),
        ) {
            let (mut set, mut tree) = (BitSet::new(range), BTreeSet::new());
            for (member, remove) in members {
                let member = member as usize % range;
                if remove {
                    set.remove(member);
                    tree.remove(&member);
                } else {
                    set.insert(member);
                    tree.insert(member);
                }
            }
            for at in asked.into_iter().map(|at| at as usize % range).chain([0, range - 1]) {
                prop_assert_eq!(set.at_least(at), tree.range(at..).next().copied());
                prop_assert_eq!(set.at_most(at), tree.range(..=at).next_back().copied());
            }
            prop_assert_eq!(set.at_least(range), None);
            prop_assert_eq!(set.is_empty(), tree.is_empty());
        }
    }
}
