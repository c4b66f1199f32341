//! Lengths of requests.

/// Returns log-normal lengths (median 4,096, σ = 1, so that 256 quantiles differ), equal in every
/// run.
pub fn lengths(n: usize) -> Vec<u32> {
    let mut state = 1u64;
    let mut uniform = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut normal = || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
    #[expect(clippy::cast_sign_loss, reason = "exp is positive")]
    (0..n).map(|_| (4096.0 * normal().exp()).ceil() as u32).collect()
}
