//! A call that the kernel refused.

use std::io;
use std::path::Path;

/// A call that the kernel refused: what was tried, on what. Why is its source.
#[derive(Debug, thiserror::Error)]
#[error("{action} {object}")]
pub struct Error {
    /// What was tried, as a phrase that goes on with the object: `cannot mount`.
    pub action: &'static str,
    /// On what: a path, a device, a name.
    pub object: String,
    /// The kernel's answer.
    #[source]
    pub source: io::Error,
}

impl Error {
    /// An error from the answer of a call.
    pub fn new(
        action: &'static str,
        object: impl Into<String>,
        source: impl Into<io::Error>,
    ) -> Self {
        Self {
            action,
            object: object.into(),
            source: source.into(),
        }
    }

    /// Turns the answer of a call on `path` into an error.
    pub fn at<E: Into<io::Error>>(action: &'static str, path: &Path) -> impl FnOnce(E) -> Self {
        let object = path.display().to_string();
        move |source| Self::new(action, object, source)
    }

    /// The kernel's error number (`errno`), when it was the kernel that answered.
    pub fn errno(&self) -> Option<i32> {
        self.source.raw_os_error()
    }
}
