//! Where digests come from and signatures go: this program's standard streams, taken away from everybody
//! else in the process. A module that prints would end up in the middle of a signature.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};

use rustix::stdio;

use crate::failure::{Code, Failure};

/// Length of a SHA-256 digest in bytes.
pub(crate) const DIGEST: usize = 32;

pub(crate) struct Channel {
    input: File,
    output: File,
}

impl Channel {
    /// From now on what anybody else reads from standard input is nothing, and what anybody prints goes to
    /// standard error.
    pub(crate) fn take() -> Result<Self, Failure> {
        let take = || -> io::Result<Self> {
            let input = rustix::io::dup(stdio::stdin())?.into();
            let output = rustix::io::dup(stdio::stdout())?.into();
            stdio::dup2_stdin(File::open("/dev/null")?)?;
            stdio::dup2_stdout(stdio::stderr())?;
            Ok(Self { input, output })
        };
        take().map_err(|error| {
            let what = format!("standard input and output cannot be had: {error}");
            Failure::new(Code::Failed, what)
        })
    }

    /// The next digest; `None` at the end of the input.
    pub(crate) fn digest(&mut self) -> Result<Option<[u8; DIGEST]>, Failure> {
        let mut digest = [0; DIGEST];
        let mut filled = 0;
        while let Some(rest) = digest.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.input.read(rest) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(not_a_digest(filled)),
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let what = format!("standard input cannot be read: {error}");
                    return Err(Failure::new(Code::Failed, what));
                }
            }
        }
        Ok(Some(digest))
    }

    /// The only digest: the input ends after it.
    pub(crate) fn only_digest(&mut self) -> Result<[u8; DIGEST], Failure> {
        let digest = self.digest()?.ok_or_else(|| not_a_digest(0))?;
        match self.input.read(&mut [0]) {
            Ok(0) => Ok(digest),
            _ => Err(Failure::new(
                Code::Usage,
                "standard input has more than the 32 bytes of a SHA-256 digest; nothing was signed",
            )),
        }
    }

    pub(crate) fn give(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.output.write_all(bytes).map_err(|error| {
            let what = format!("standard output cannot be written: {error}");
            Failure::new(Code::Failed, what)
        })
    }

    pub(crate) fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.give(text.as_bytes())
    }
}

fn not_a_digest(found: usize) -> Failure {
    let what = format!(
        "standard input has {found} bytes where a SHA-256 digest of 32 was expected; nothing was signed"
    );
    Failure::new(Code::Usage, what)
}
