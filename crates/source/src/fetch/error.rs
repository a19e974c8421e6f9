//! Why a file could not be had.

use super::Digest;
use std::path::PathBuf;
use std::time::Duration;

/// See the module's documentation. Each message names the URL or path.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder of the cache cannot be used.
    #[error(
        "cannot {action} {}; choose a cache folder that this user can write to",
        path.display()
    )]
    Cache {
        /// What was tried: `create`, `write` …
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not in the cache, and the network may not be used.
    #[error("{name} is not in the cache {} and --offline forbids fetching {url}; run once without --offline", cache.display())]
    Offline {
        /// What is missing.
        name: String,
        /// Where it would come from.
        url: String,
        /// The cache's folder.
        cache: PathBuf,
    },
    /// The server answered, but with an error.
    #[error("{url}: the server answered {status} {reason} instead of the file; {advice}")]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status code.
        status: u16,
        /// The status in words.
        reason: &'static str,
        /// What to do next.
        advice: &'static str,
        /// How long the server asks to wait before the next try.
        wait: Duration,
    },
    /// The server answered, and does not take what was sent or does not know what was asked.
    #[error(
        "{url}: the server answered {status} {reason}{}; {advice}",
        repeated(said)
    )]
    NotTaken {
        /// What was asked.
        url: String,
        /// The HTTP status code.
        status: u16,
        /// The status in words.
        reason: &'static str,
        /// What the server says of it: short, and printable.
        said: String,
        /// What to do next.
        advice: &'static str,
        /// How long the server asks to wait before the next try.
        wait: Duration,
    },
    /// No connection lasted until a request was answered, however often it was tried.
    #[error(
        "{url}: no answer in {tries} tries; check the network and the server and run it again: what has \
         arrived is not sent twice"
    )]
    Unsent {
        /// Where to.
        url: String,
        /// How often it was tried.
        tries: u32,
        /// The last reason.
        source: Box<ureq::Error>,
    },
    /// No connection, or none that lasted, however often it was tried.
    #[error("{url}: {} in {tries} tries; check the network and the server and run it again", arrived(*received, *expected))]
    Connection {
        /// What was asked for.
        url: String,
        /// How many bytes are there.
        received: u64,
        /// How many there should be, when that is known.
        expected: Option<u64>,
        /// How often it was tried.
        tries: u32,
        /// The last reason.
        source: Box<ureq::Error>,
    },
    /// The connection ended early without an error, however often it was tried.
    #[error(
        "{url}: the server closed the connection after {received} of {expected} bytes, in each of {tries} tries; run it again: it continues where it stopped"
    )]
    Cut {
        /// What was asked for.
        url: String,
        /// How many bytes are there.
        received: u64,
        /// How many there should be.
        expected: u64,
        /// How often it was tried.
        tries: u32,
    },
    /// The request cannot succeed by trying again: a bad URL, a redirect loop, a wrong certificate.
    #[error("{url} cannot be fetched; {advice}")]
    Refused {
        /// What was asked for.
        url: String,
        /// What to do next.
        advice: &'static str,
        /// What was wrong.
        source: Box<ureq::Error>,
    },
    /// The file has another length than its signed description says.
    #[error(
        "{url}: the server sends {found} bytes, {expected} are expected; the mirror is out of step or tampered with: try later, or another mirror"
    )]
    Size {
        /// What was asked for.
        url: String,
        /// What it should be, in bytes.
        expected: u64,
        /// What it is, in bytes: `at least …` when the rest was not read.
        found: String,
    },
    /// The file has another hash than its signed description says.
    #[error(
        "{url}: the file's SHA-256 is {found}, {expected} is expected; it was thrown away. The mirror is out of step or tampered with: try later, or another mirror"
    )]
    Digest {
        /// What was asked for.
        url: String,
        /// What it should be.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// The file has the right length, and is not the one that was asked for.
    #[error(
        "{url} is not the file that was asked for; it was thrown away. The mirror is out of step or tampered with: try later, or another mirror"
    )]
    Content {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The login that a server asks for cannot be had.
    #[error("{host} asks for a login, and there is none to give")]
    Login {
        /// Which server.
        host: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The HTTPS certificates cannot be read.
    #[error("cannot read the certificates in {}; install the package ca-certificates or name another file", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another file of the same download failed.
    #[error("{url}: stopped because another download failed")]
    Stopped {
        /// What was being fetched.
        url: String,
    },
}

fn repeated(said: &str) -> String {
    match said {
        "" => String::new(),
        said => format!(" and says {said:?}"),
    }
}

fn arrived(received: u64, expected: Option<u64>) -> String {
    match expected {
        Some(expected) if received > 0 => {
            format!("{received} of {expected} bytes, from where the next try continues, arrived")
        }
        Some(expected) => format!("0 of {expected} bytes arrived"),
        None => "nothing complete arrived".to_owned(),
    }
}

impl Error {
    /// How long the server asks to wait.
    pub(super) fn wait(&self) -> Duration {
        match self {
            Self::Status { wait, .. } | Self::NotTaken { wait, .. } => *wait,
            _ => Duration::ZERO,
        }
    }

    pub(crate) fn cache(
        action: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Cache {
            action,
            path,
            source,
        }
    }
}
