//! Turns numbers into lengths.

use super::error::EdgesError;

/// Rounds a length up to whole steps.
///
/// ```
/// use multibin::edges::length;
///
/// assert_eq!(length(2.1, || "length".into()), Ok(3));
/// let error = length(-1.0, || "lengths[3]".into()).unwrap_err();
/// assert_eq!(error.to_string(), "lengths[3] must be between 0 and 4294967295, got -1");
/// ```
///
/// # Errors
/// [`EdgesError::Length`] for a value that is NaN, infinite, negative or above `u32::MAX`. It names
/// what `argument` returns.
pub fn length(value: f64, argument: impl FnOnce() -> String) -> Result<u32, EdgesError> {
    let rounded = value.ceil();
    // Written so that NaN fails; -0.5 is negative although it rounds to 0.
    if value >= 0.0 && rounded <= f64::from(u32::MAX) {
        #[expect(clippy::cast_sign_loss, reason = "checked to be >= 0")]
        return Ok(rounded as u32);
    }
    Err(EdgesError::Length { argument: argument(), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_rounded_up_and_checked() {
        assert_eq!(length(2.1, String::new), Ok(3));
        for bad in [f64::NAN, f64::INFINITY, -1.0, -0.5, 5e9] {
            assert!(length(bad, || "length".into()).is_err(), "{bad}");
        }
    }
}
