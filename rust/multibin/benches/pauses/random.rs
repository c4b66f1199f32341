//! Pseudo-random numbers, equal in every run.

/// Marsaglia's xorshift generator.
pub struct Random(u64);

impl Random {
    pub fn new() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }

    /// Returns a number from 0 to `bound` - 1.
    pub fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((u64::from(self.0 as u32) * u64::from(bound)) >> 32) as u32
    }
}
