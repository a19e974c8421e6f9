//! The exit codes: a closed set, documented by `sealboot --help`.
//!
//! What a mirror does wrong is [`Code::Network`] when another try may help (no answer, a cut
//! connection, 404, an error page's status, an answer that is not HTTP), and [`Code::Refused`]
//! when bytes came and are not believed (signature, date, replay, size, hash, a login page in
//! place of the file).

use std::fmt;
use std::io::{self, ErrorKind};

/// What a program that calls sealboot can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Something else went wrong on this machine: a full disk, a missing permission.
    Failed = 1,
    /// The command line or `sealboot.toml` is wrong.
    Usage = 2,
    /// An input was refused: signature, digest, size, date or format do not hold.
    Refused = 3,
    /// The network or a server did not give what was asked for; trying again may help.
    Network = 4,
    /// The owner's keys are missing, cannot be opened, or would be overwritten.
    Keys = 5,
    /// What was needed is not there: a package, a kernel, a program to run.
    Missing = 6,
    /// The machine that was started did not do what was expected of it.
    Unexpected = 7,
}

/// Every code with what it means, for the help text.
pub const TABLE: &[(Code, &str)] = &[
    (
        Code::Failed,
        "something went wrong on this machine: a full disk, a missing permission",
    ),
    (Code::Usage, "the command line or sealboot.toml is wrong"),
    (
        Code::Refused,
        "an input was refused: signature, digest, size, date or format do not hold",
    ),
    (
        Code::Network,
        "the network or a server did not give what was asked for; try again",
    ),
    (
        Code::Keys,
        "the owner's keys are missing, cannot be opened, or would be overwritten",
    ),
    (
        Code::Missing,
        "something needed is not there: a package, a kernel, a program",
    ),
    (
        Code::Unexpected,
        "the machine that was started did not do what was expected",
    ),
];

/// An error with its exit code.
#[derive(Debug)]
pub struct Failure {
    code: Code,
    error: anyhow::Error,
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Failure {
    /// `error`, which stands for `code`.
    pub fn new(code: Code, error: impl Into<anyhow::Error>) -> Self {
        Self {
            code,
            error: error.into(),
        }
    }
}

/// Says which exit code an error stands for.
pub trait WithCode<T> {
    /// The value, or the error with that code.
    fn code(self, code: Code) -> anyhow::Result<T>;

    /// The value, or the error with the code that a local input deserves: see [`of_input`].
    fn input_code(self) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> WithCode<T> for Result<T, E> {
    fn code(self, code: Code) -> anyhow::Result<T> {
        self.map_err(|error| Failure::new(code, error).into())
    }

    fn input_code(self) -> anyhow::Result<T> {
        self.map_err(|error| {
            let error = error.into();
            Failure::new(of_input(&error), error).into()
        })
    }
}

/// The code of an error about a file of this machine that goes into a release. The system says
/// that it is not there: missing. The system says anything else: failed. The system gave its
/// bytes, and they are no good: refused.
pub fn of_input(error: &anyhow::Error) -> Code {
    let mut system = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .filter(|error| error.raw_os_error().is_some());
    match system.next().map(io::Error::kind) {
        Some(ErrorKind::NotFound | ErrorKind::NotADirectory) => Code::Missing,
        None | Some(ErrorKind::IsADirectory) => Code::Refused,
        Some(_) => Code::Failed,
    }
}

/// The code of an error: that of the outermost [`Failure`] in its chain.
pub fn code_of(error: &anyhow::Error) -> Code {
    error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Failure>())
        .map_or(Code::Failed, |failure| failure.code)
}

/// The error as a person reads it: one line a cause, the outermost first, none twice.
pub fn explain(error: &anyhow::Error) -> String {
    let mut lines: Vec<String> = Vec::new();
    for cause in error.chain() {
        let line = cause.to_string();
        if !lines.iter().any(|said| said.contains(&line)) {
            lines.push(line);
        }
    }
    lines.join("\n  because: ")
}

/// The table as text, for the help.
pub fn table() -> String {
    let mut text = String::from("Exit codes:\n   0  it worked\n");
    for (code, meaning) in TABLE {
        text.push_str(&format!("{:>4}  {meaning}\n", *code as u8));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_code_counts_and_causes_stay() {
        let inner: anyhow::Result<()> = Err(anyhow::anyhow!("no route")).code(Code::Network);
        let outer = inner
            .map_err(|e| e.context("the index cannot be had"))
            .unwrap_err();
        assert_eq!(code_of(&outer), Code::Network);
        assert_eq!(
            explain(&outer),
            "the index cannot be had\n  because: no route"
        );
        assert_eq!(code_of(&anyhow::anyhow!("plain")), Code::Failed);
    }

    #[test]
    fn the_system_is_told_apart_from_what_it_read() {
        let from_system = |number| anyhow::Error::from(io::Error::from_raw_os_error(number));
        let cases = [
            (from_system(2).context("a file"), Code::Missing),
            (from_system(13), Code::Failed),
            (from_system(21), Code::Refused),
            (io::Error::other("bad xz").into(), Code::Refused),
            (anyhow::anyhow!("no tar"), Code::Refused),
        ];
        for (error, expected) in cases {
            assert_eq!(of_input(&error), expected, "{error:#}");
        }
    }

    #[test]
    fn every_code_is_in_the_table_once() {
        let codes: Vec<u8> = TABLE.iter().map(|(code, _)| *code as u8).collect();
        assert_eq!(codes, (1..=7).collect::<Vec<u8>>());
    }
}
