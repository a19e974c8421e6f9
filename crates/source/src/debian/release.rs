//! `InRelease`: the signed root of a suite
//! (<https://wiki.debian.org/DebianRepository/Format>, section "Release" files).

use super::clearsign;
use super::deb822;
use super::keyring::{CLOCK_SKEW, Keyring};
use crate::date;
use crate::fetch::Digest;
use std::collections::BTreeMap;

/// The most that an `InRelease` may take, in bytes; Debian's are up to 250 KiB.
pub(crate) const MOST_IN_RELEASE: u64 = 4 << 20;

/// A verified `InRelease`.
#[derive(Clone, Debug)]
pub struct Release {
    /// `stable`
    pub suite: String,
    /// `trixie`
    pub codename: String,
    /// When it was made, in seconds since 1970.
    pub date: u64,
    /// When it ends, in seconds since 1970; Debian's stable suites do not.
    pub valid_until: Option<u64>,
    /// `main`, `non-free-firmware` …
    pub components: Vec<String>,
    /// `amd64`, `all` …
    pub architectures: Vec<String>,
    /// Whether files can be fetched by their hash.
    pub by_hash: bool,
    /// Path below the suite's folder → digest, length in bytes.
    pub files: BTreeMap<String, (Digest, u64)>,
    /// Who signed it.
    pub signers: Vec<String>,
}

/// Why an `InRelease` is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not one signed text.
    #[error("it is not a clear-signed file; a proxy or login page may have answered instead")]
    Frame(#[from] clearsign::Error),
    /// No signature counts.
    #[error(
        "no valid signature by a key of the keyring: {}; use another mirror, or give the archive's own keyring",
        reasons.join("; ")
    )]
    Signature {
        /// Why, for each signature.
        reasons: Vec<String>,
    },
    /// The signed text is not deb822.
    #[error("its signed text cannot be read")]
    Text(#[from] deb822::Error),
    /// A field is missing or wrong.
    #[error("its field {field} is {found:?}; {expected} is needed")]
    Field {
        /// Which.
        field: &'static str,
        /// Its value, shortened.
        found: String,
        /// What it should have been.
        expected: &'static str,
    },
    /// It is for something else.
    #[error(
        "it is for the suite {suite:?} with the codename {codename:?}, {wanted:?} was asked for; check the suite's name and the mirror"
    )]
    OtherSuite {
        /// What was asked for.
        wanted: String,
        /// What it says.
        suite: String,
        /// What it says.
        codename: String,
    },
    /// It is from the future.
    #[error("it was made on {made}, but this machine's clock says {now}; set the clock")]
    Future {
        /// When it was made.
        made: String,
        /// When that is thought to be.
        now: String,
    },
    /// It has ended.
    #[error(
        "it was valid until {until}, and this machine's clock says {now}; check the clock and use a mirror that is up to date, or set allow_expired"
    )]
    Expired {
        /// When it ended.
        until: String,
        /// When that is thought to be.
        now: String,
    },
    /// A newer one was seen before.
    #[error(
        "it was made on {made}, but this mirror has given one made on {seen} before; the mirror has gone back in time or somebody replays an old one: use another mirror, or set allow_older"
    )]
    Replayed {
        /// When this one was made.
        made: String,
        /// When the newest one was made.
        seen: String,
    },
}

impl Release {
    /// Verifies and reads an `InRelease`; `now` is in seconds since 1970.
    pub fn verify(bytes: &[u8], keyring: &Keyring, now: u64) -> Result<Self, Error> {
        let message = clearsign::split(bytes)?;
        let signers = keyring
            .verify(&message, now)
            .map_err(|reasons| Error::Signature { reasons })?;
        let limit = bytes.len() * 2;
        let mut reader = deb822::Reader::new(message.text.as_bytes(), limit);
        let stanza = reader.next_stanza()?.unwrap_or_default();
        if reader.next_stanza()?.is_some() {
            return Err(wrong("(second part)", "", "one stanza"));
        }
        let value = |field| stanza.get(field).unwrap_or_default();
        let time = |field| {
            let shown = "a date such as \"Sat, 21 Nov 2026 09:15:44 UTC\"";
            date::parse(value(field)).ok_or_else(|| wrong(field, value(field), shown))
        };
        let words = |field| {
            value(field)
                .split_ascii_whitespace()
                .map(str::to_owned)
                .collect()
        };
        Ok(Self {
            suite: value("Suite").to_owned(),
            codename: value("Codename").to_owned(),
            date: time("Date")?,
            valid_until: stanza
                .get("Valid-Until")
                .map(|_| time("Valid-Until"))
                .transpose()?,
            components: words("Components"),
            architectures: words("Architectures"),
            by_hash: value("Acquire-By-Hash") == "yes",
            files: files(value("SHA256"))?,
            signers,
        })
    }

    /// Whether it is what was asked for, and of the present: `now` is in seconds since 1970.
    pub fn check(&self, wanted: &str, now: u64, allow_expired: bool) -> Result<(), Error> {
        if self.suite != wanted && self.codename != wanted {
            return Err(Error::OtherSuite {
                wanted: wanted.to_owned(),
                suite: self.suite.clone(),
                codename: self.codename.clone(),
            });
        }
        if self.date > now.saturating_add(CLOCK_SKEW) {
            return Err(Error::Future {
                made: date::show(self.date),
                now: date::show(now),
            });
        }
        if let Some(until) = self
            .valid_until
            .filter(|until| *until < now && !allow_expired)
        {
            return Err(Error::Expired {
                until: date::show(until),
                now: date::show(now),
            });
        }
        Ok(())
    }

    /// Whether it is at least as new as the one seen before.
    pub fn check_not_older(&self, seen: &Self) -> Result<(), Error> {
        if self.date < seen.date {
            return Err(Error::Replayed {
                made: date::show(self.date),
                seen: date::show(seen.date),
            });
        }
        Ok(())
    }
}

fn wrong(field: &'static str, found: &str, expected: &'static str) -> Error {
    Error::Field {
        field,
        found: found.chars().take(80).collect(),
        expected,
    }
}

/// `digest size path`, one a line.
fn files(field: &str) -> Result<BTreeMap<String, (Digest, u64)>, Error> {
    let mut files = BTreeMap::new();
    for line in field.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_ascii_whitespace();
        let mut entry = || {
            let digest = words.next()?.parse().ok()?;
            let size = words.next()?.parse().ok()?;
            let path = words.next().filter(|_| words.next().is_none())?;
            Some((path.to_owned(), (digest, size)))
        };
        let (path, file) = entry().ok_or_else(|| wrong("SHA256", line, "\"digest size path\""))?;
        if files.insert(path, file).is_some_and(|other| other != file) {
            return Err(wrong("SHA256", line, "one digest for each path"));
        }
    }
    if files.is_empty() {
        return Err(wrong("SHA256", "", "a list of files"));
    }
    Ok(files)
}
