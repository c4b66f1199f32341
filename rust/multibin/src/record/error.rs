//! Why a recording could not be opened.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a recording could not be opened.
///
/// ```
/// use multibin::record::Recorder;
///
/// let error = Recorder::open("/".into(), 1 << 20, 4, |_| ()).unwrap_err();
/// assert_eq!(error.to_string(), "path must be a file, got /");
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The path is that of a directory or a device.
    #[error("path must be {}, got {}", self.rule(), .0.display())]
    NoFile(PathBuf),
    /// The file was not written by a recording.
    #[error("path must be {}, got {}", self.rule(), .0.display())]
    Foreign(PathBuf),
    /// Another recording writes the file.
    #[error("path must be {}, got {}", self.rule(), .0.display())]
    Taken(PathBuf),
    /// The system refused to open the file, or another thread.
    #[error("path must be {}, got {}", self.rule(), .0.display())]
    Refused(PathBuf, #[source] io::Error),
}

impl RecordError {
    /// Returns the rule that the path breaks, as the words behind "must be".
    ///
    /// ```
    /// use multibin::record::Recorder;
    ///
    /// let error = Recorder::open("/".into(), 1 << 20, 4, |_| ()).unwrap_err();
    /// assert_eq!(error.rule(), "a file");
    /// ```
    #[must_use]
    pub fn rule(&self) -> String {
        match self {
            Self::NoFile(_) => "a file".to_owned(),
            Self::Foreign(_) => "a new file, or one that a recording wrote".to_owned(),
            Self::Taken(_) => "a file that no other recording writes".to_owned(),
            Self::Refused(_, error) => format!("a file that can be written ({error})"),
        }
    }
}
