//! Does isotonic regression by pooling adjacent violators.

/// Adjacent groups with one common share.
struct Pool {
    below: f64,
    size: f64,
    groups: usize,
}

impl Pool {
    /// Returns true if the share of this pool is below that of `next`.
    fn rises_to(&self, next: &Self) -> bool {
        self.below * next.size < next.below * self.size
    }

    fn join(&mut self, other: &Self) {
        self.below += other.below;
        self.size += other.size;
        self.groups += other.groups;
    }
}

/// Returns for each group a share that never rises from one group to the next.
///
/// `below` counts the members of a group up to some value, `sizes` all its members. The result is
/// nearest to `below / sizes` by least squares, weighted with `sizes`.
pub(super) fn falling(below: impl Iterator<Item = f64>, sizes: &[f64]) -> Vec<f64> {
    let mut pools: Vec<Pool> = Vec::new();
    for (below, &size) in below.zip(sizes) {
        let mut pool = Pool { below, size, groups: 1 };
        while let Some(last) = pools.pop_if(|last| last.rises_to(&pool)) {
            pool.join(&last);
        }
        pools.push(pool);
    }
    let share = |pool: Pool| std::iter::repeat_n(pool.below / pool.size, pool.groups);
    pools.into_iter().flat_map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falling_shares_stay_and_rising_ones_are_pooled() {
        let shares = |below: &[f64], sizes: &[f64]| falling(below.iter().copied(), sizes);
        assert_eq!(shares(&[4.0, 2.0, 0.0], &[4.0, 4.0, 2.0]), [1.0, 0.5, 0.0]);
        assert_eq!(shares(&[1.0, 2.0, 3.0], &[4.0, 4.0, 4.0]), [0.5; 3]);
        assert_eq!(shares(&[3.0, 0.0, 2.0, 1.0], &[3.0, 1.0, 3.0, 4.0]), [1.0, 0.5, 0.5, 0.25]);
    }
}
