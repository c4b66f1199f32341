//! Labels that a caller adds to every sample, and their checks.

use thiserror::Error;

/// The reason why labels cannot be added to the samples.
///
/// ```
/// use multibin::{Config, Edges, LabelError, Scheduler};
///
/// let scheduler = Scheduler::new(Edges::new(&[0, 32])?, Config::new(8))?;
/// let refused = scheduler.snapshot().prometheus(&[("bin", "a")]);
/// assert_eq!(refused, Err(LabelError::Taken("bin".to_owned())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LabelError {
    /// An invalid label name.
    #[error("labels must have names of letters, digits and _ (first no digit, no __), got {0:?}")]
    Name(String),
    /// A name that the samples have, or that is given twice.
    #[error("labels must have distinct names other than bin, reason and le, got {0:?}")]
    Taken(String),
}

/// Labels of the samples themselves.
const OWN: [&str; 3] = ["bin", "reason", "le"];

/// Refuses labels with invalid or repeated names.
pub(super) fn check(labels: &[(&str, &str)]) -> Result<(), LabelError> {
    for (i, &(name, _)) in labels.iter().enumerate() {
        if !is_name(name) {
            return Err(LabelError::Name(name.to_owned()));
        }
        let before = labels[..i].iter().map(|&(name, _)| name);
        if OWN.into_iter().chain(before).any(|other| other == name) {
            return Err(LabelError::Taken(name.to_owned()));
        }
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let known = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let first = name.chars().next().is_some_and(|c| !c.is_ascii_digit());
    first && name.chars().all(known) && !name.starts_with("__")
}
