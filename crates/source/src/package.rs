//! What the package lists of all archives have in common.

/// Why an entry of a list does not describe a package.
#[derive(Debug, thiserror::Error)]
#[error("the package {package:?} has the {field} {found:?}; {expected} is needed")]
pub struct NotAPackage {
    /// Its name, when it has one.
    pub package: String,
    /// Which field.
    pub field: &'static str,
    /// Its value, shortened.
    pub found: String,
    /// What it should have been.
    pub expected: &'static str,
}

impl NotAPackage {
    /// Texts from outside are shortened.
    pub(crate) fn new(
        package: &str,
        field: &'static str,
        found: &str,
        expected: &'static str,
    ) -> Self {
        let short = |text: &str| text.chars().take(80).collect();
        Self {
            package: short(package),
            field,
            found: short(found),
            expected,
        }
    }
}
