//! What goes wrong, and the exit code that says of what kind it is.

use std::fmt;

/// What a program that calls this one can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    /// The module reported an error, or this machine has one.
    Failed = 1,
    /// The command line or the URI is wrong, or names no module.
    Usage = 2,
    /// The module cannot be loaded.
    Module = 3,
    /// No token fits, or several do.
    Token = 4,
    /// No key fits, several do, or the one that does cannot sign.
    Key = 5,
    /// The PIN is wrong, locked, or cannot be had.
    Pin = 6,
}

/// Every code with what it means, for the help text.
pub(crate) const TABLE: &[(Code, &str)] = &[
    (Code::Failed, "the module or this machine reported an error"),
    (
        Code::Usage,
        "the command line or the URI is wrong, or no module is given",
    ),
    (Code::Module, "the module cannot be loaded"),
    (
        Code::Token,
        "no token fits, or several do: those that are there are listed",
    ),
    (
        Code::Key,
        "no key fits, or several do, or it is not RSA or cannot sign",
    ),
    (
        Code::Pin,
        "the PIN is wrong, locked, or there is nobody to ask for it",
    ),
];

/// An error: what was being done, to what, what was found, what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    message: String,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// The module said no where nothing more is known.
    pub(crate) fn of_module(doing: &str, error: &cryptoki::error::Error) -> Self {
        Self::new(
            Code::Failed,
            format!("{doing} failed; the module says: {}", said(error)),
        )
    }
}

/// A module's error by the name that PKCS#11 has for it.
pub(crate) fn said(error: &cryptoki::error::Error) -> String {
    match error {
        cryptoki::error::Error::Pkcs11(value, function) => {
            format!("{value:?} (C_{function:?})")
        }
        other => other.to_string(),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
