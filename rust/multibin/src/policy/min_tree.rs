//! Many keys of which the least is known.

/// A tournament: each node holds the least of its two children. Setting a key climbs as far as it
/// matters, log₂ of their number at most.
#[derive(Debug, Clone)]
pub(crate) struct MinTree {
    /// The root is at 1, the keys are in the second half.
    nodes: Box<[u64]>,
}

impl MinTree {
    /// `keys` times `u64::MAX`.
    pub(crate) fn new(keys: usize) -> Self {
        Self { nodes: vec![u64::MAX; 2 * keys.next_power_of_two()].into() }
    }

    #[inline]
    pub(crate) fn set(&mut self, at: usize, key: u64) {
        let mut node = self.nodes.len() / 2 + at;
        self.nodes[node] = key;
        while node > 1 {
            let least = self.nodes[node].min(self.nodes[node ^ 1]);
            node /= 2;
            if std::mem::replace(&mut self.nodes[node], least) == least {
                return;
            }
        }
    }

    /// The least key.
    #[inline]
    pub(crate) fn key(&self) -> u64 {
        self.nodes[1]
    }

    /// Where the least key is, the first of several; `None` if all are `u64::MAX`.
    #[inline]
    pub(crate) fn at(&self) -> Option<usize> {
        let (least, leaves) = (self.key(), self.nodes.len() / 2);
        if least == u64::MAX {
            return None;
        }
        let mut node = 1;
        while node < leaves {
            node = 2 * node + usize::from(self.nodes[2 * node] != least);
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
            let (mut least, mut keys) = (MinTree::new(n), vec![u64::MAX; n]);
            for (at, key) in sets {
                least.set(at % n, key);
                keys[at % n] = key;
                let first = keys.iter().copied().min().unwrap();
                prop_assert_eq!(least.key(), first);
                let at = keys.iter().position(|&key| key == first && key != u64::MAX);
                prop_assert_eq!(least.at(), at);
            }
        }
    }
}
