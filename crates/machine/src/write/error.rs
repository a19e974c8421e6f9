//! Why an image was not written.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::target::Refusal;

/// Why an image was not written, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The image cannot be opened.
    #[error("the image {path} cannot be opened")]
    OpenImage {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The image is none.
    #[error("{path} is no disk image that can be written: {found}")]
    NoImage {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// The image cannot be read.
    #[error("{path} cannot be read at byte {offset}{state}")]
    ReadImage {
        /// Its path.
        path: PathBuf,
        /// From its start.
        offset: u64,
        /// What the target is now.
        state: State,
        /// What the system said.
        source: io::Error,
    },
    /// There is no such target.
    #[error("there is no {path}; {hint}")]
    NoTarget {
        /// As it was named.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
    },
    /// The machine does not say what its disks are.
    #[error("what {path} is cannot be found out, so it is not written to")]
    Unknown {
        /// As it was named.
        path: PathBuf,
        /// What the system said.
        source: linux::Error,
    },
    /// The target must not be written to.
    #[error("{path} is not written to: {}", listed(reasons))]
    Refused {
        /// As it was named.
        path: PathBuf,
        /// All that speaks against it: at least one.
        reasons: Vec<Refusal>,
    },
    /// The target cannot be opened, or made.
    #[error("{path} cannot be opened for writing{hint}")]
    OpenTarget {
        /// As it was named.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Another disk has taken the place of the one that the plan was about.
    #[error("{path} is no longer the disk that it was; nothing was written; run it again")]
    Changed {
        /// As it was named.
        path: PathBuf,
    },
    /// A write failed.
    #[error("{path} cannot be written at byte {offset}{state}")]
    Write {
        /// As it was named.
        path: PathBuf,
        /// From its start.
        offset: u64,
        /// What the target is now.
        state: State,
        /// What the system said.
        source: io::Error,
    },
    /// What was written did not all reach the medium.
    #[error("{path} does not confirm that everything is on it{state}")]
    Sync {
        /// As it was named.
        path: PathBuf,
        /// What the target is now.
        state: State,
        /// What the system said.
        source: io::Error,
    },
    /// What was written cannot be read back.
    #[error("{path} cannot be read back at byte {offset}{state}")]
    ReadBack {
        /// As it was named.
        path: PathBuf,
        /// From its start.
        offset: u64,
        /// What the target is now.
        state: State,
        /// What the system said.
        source: io::Error,
    },
    /// What is read back is something else.
    #[error(
        "{path} gives back something else than was written: byte {offset} is {found:#04x}, \
         {expected:#04x} was written{state}"
    )]
    Differs {
        /// As it was named.
        path: PathBuf,
        /// The first byte that differs, from the target's start.
        offset: u64,
        /// What was written there.
        expected: u8,
        /// What is there.
        found: u8,
        /// What the target is now.
        state: State,
    },
    /// Somebody asked to stop.
    #[error("writing to {path} was interrupted{state}")]
    Interrupted {
        /// As it was named.
        path: PathBuf,
        /// What the target is now.
        state: State,
    },
}

/// What a target is after a write that did not end well, and what to do: the end of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A file: the new one was never put in the old one's place.
    Untouched,
    /// A disk that is still there.
    Incomplete,
    /// It holds everything, as far as was read back.
    Unchecked,
    /// A disk that is no longer there.
    Gone,
    /// A disk that was written to and does not hold what was written.
    Bad,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untouched => "; nothing was changed",
            Self::Incomplete => {
                "; the disk is incomplete and nothing will boot from it: \
                 run the same command again, or try another disk"
            }
            Self::Unchecked => {
                "; everything was written, and not all of it could be read back: \
                 run the same command again, or try another disk"
            }
            Self::Gone => {
                "; the disk is no longer there, and incomplete: nothing will boot from it; \
                 plug it in again and run the same command"
            }
            Self::Bad => {
                "; do not use this disk: it does not keep what it is given, or is smaller \
                 than it says"
            }
        })
    }
}

fn listed(reasons: &[Refusal]) -> String {
    // A host of containers has hundreds of mounts.
    const MOST: usize = 5;
    let shown = reasons.iter().take(MOST).map(Refusal::to_string);
    let more = reasons.len().saturating_sub(MOST);
    let more = (more > 0).then(|| format!("and {more} reasons more"));
    let listed: Vec<String> = shown.chain(more).collect();
    listed.join("; ")
}
