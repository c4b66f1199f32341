//! Between seconds and the virtual clock's nanoseconds.

/// A batch that takes no time would end before it starts to count: at least one nanosecond.
pub(super) fn nanoseconds(seconds: f64) -> u64 {
    #[expect(clippy::cast_sign_loss, reason = "times are checked to be >= 0")]
    let nanoseconds = (seconds * 1e9).round() as u64;
    nanoseconds.max(1)
}

pub(super) fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 * 1e-9
}
