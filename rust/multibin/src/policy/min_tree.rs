//! Many values of which the lowest is known.

/// A tournament tree: each node holds the lower of its two children. Setting a value walks up as
/// far as it matters, log₂ of their number at most.
#[derive(Debug, Clone)]
pub(crate) struct MinTree {
    /// The root is at 1, the values are in the second half.
    nodes: Box<[u64]>,
}

impl MinTree {
    /// Makes a tree of `len` values, all `u64::MAX`.
    pub(crate) fn new(len: usize) -> Self {
        Self { nodes: vec![u64::MAX; 2 * len.next_power_of_two()].into() }
    }

    #[inline]
    pub(crate) fn set(&mut self, at: usize, value: u64) {
        let mut node = self.nodes.len() / 2 + at;
        self.nodes[node] = value;
        while node > 1 {
            let min = self.nodes[node].min(self.nodes[node ^ 1]);
            node /= 2;
            if std::mem::replace(&mut self.nodes[node], min) == min {
                return;
            }
        }
    }

    /// Returns the lowest value.
    #[inline]
    pub(crate) fn min(&self) -> u64 {
        self.nodes[1]
    }

    /// Returns where the lowest value is, the first of several; `None` if all are `u64::MAX`.
    #[inline]
    pub(crate) fn argmin(&self) -> Option<usize> {
        let (min, leaves) = (self.min(), self.nodes.len() / 2);
        if min == u64::MAX {
            return None;
        }
        let mut node = 1;
        while node < leaves {
            node = 2 * node + usize::from(self.nodes[2 * node] != min);
        }
        Some(node - leaves)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_scan_finds(
            n in 1usize..70,
            sets in prop::collection::vec((0usize..70, prop_oneof![0u64..9, Just(u64::MAX)]), 0..99),
        ) {
            let (mut tree, mut values) = (MinTree::new(n), vec![u64::MAX; n]);
            for (at, value) in sets {
                tree.set(at % n, value);
                values[at % n] = value;
                let first = values.iter().copied().min().unwrap();
                prop_assert_eq!(tree.min(), first);
                let at = values.iter().position(|&value| value == first && value != u64::MAX);
                prop_assert_eq!(tree.argmin(), at);
            }
        }
    }
}
