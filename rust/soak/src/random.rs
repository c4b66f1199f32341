//! Pseudo-random numbers: equal seeds give equal streams.

/// Returns a hash whose low and high bits depend on every bit of `x`: splitmix64's finaliser.
pub fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Marsaglia's xorshift generator.
pub struct Random(u64);

impl Random {
    /// Creates the stream of a seed, a round and a thread.
    pub fn new(seed: u64, round: u64, thread: u64) -> Self {
        Self(mix(mix(mix(seed) ^ round) ^ thread).max(1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Returns a number from 0 to `bound` - 1.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.next() as u32) * u64::from(bound)) >> 32) as u32
    }

    /// Returns true once in `n` times.
    pub fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }
}
