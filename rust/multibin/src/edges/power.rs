//! Raises shares to powers: the probability that all rows of a batch are among a share.

/// Number of shares raised to a power together, in vector registers.
pub(super) const LANES: usize = 8;

/// Returns `share` to the power of `exponent`, by squaring.
#[inline]
pub(super) fn power(share: f64, exponent: u32) -> f64 {
    powers([share], exponent)[0]
}

/// Returns each share to the power of `exponent`.
#[inline]
pub(super) fn powers<const N: usize>(mut shares: [f64; N], mut exponent: u32) -> [f64; N] {
    let mut result = [1.0; N];
    while exponent > 1 {
        if exponent & 1 == 1 {
            result = product(result, shares);
        }
        shares = product(shares, shares);
        exponent >>= 1;
    }
    if exponent == 1 { product(result, shares) } else { result }
}

#[inline]
fn product<const N: usize>(mut left: [f64; N], right: [f64; N]) -> [f64; N] {
    for (left, right) in left.iter_mut().zip(right) {
        *left *= right;
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_those_of_the_standard_library() {
        for exponent in [0, 1, 2, 3, 31, 32, 33, 1_000, 65_535] {
            for share in [0.0, 0.3, 0.5, 0.9, 0.999_999, 1.0] {
                let expected = f64::powf(share, f64::from(exponent));
                assert!((power(share, exponent) - expected).abs() <= 1e-11 * expected);
            }
        }
        assert_eq!(powers([0.5, 2.0], 10), [f64::powi(0.5, 10), 1024.0]);
    }
}
