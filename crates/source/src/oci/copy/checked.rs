//! A blob as a stream that ends well only when its digest is right.

use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use super::super::blob::Blob;
use super::super::error::Error;
use crate::fetch::{Digest, Hasher};
use crate::section::Section;

/// What is wrong with a stream: whoever reads it may know an I/O error only.
#[derive(Default)]
pub(in super::super) struct Wrong(Mutex<Option<Error>>);

impl Wrong {
    pub(in super::super) fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(in super::super) fn is_some(&self) -> bool {
        let error = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        error.is_some()
    }

    fn set(&self, error: Error) -> io::Error {
        let said = io::Error::other(error.to_string());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        said
    }
}

/// Reads a blob and hashes it. The last bytes are given only when all of it is right.
pub(in super::super) struct Checked<'a> {
    reader: Section,
    place: &'a str,
    hasher: Hasher,
    digest: Digest,
    size: u64,
    tell: &'a dyn Fn(u64) -> bool,
    wrong: &'a Wrong,
}

impl<'a> Checked<'a> {
    /// `tell` is told how many bytes there were, and says whether to go on.
    pub(in super::super) fn new(
        blob: &'a Blob,
        (digest, size): (Digest, u64),
        tell: &'a dyn Fn(u64) -> bool,
        wrong: &'a Wrong,
    ) -> Self {
        Self {
            reader: blob.reader(),
            place: &blob.place,
            hasher: Hasher::default(),
            digest,
            size,
            tell,
            wrong,
        }
    }
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer).map_err(|source| {
            self.wrong.set(Error::Read {
                action: "read",
                path: self.place.into(),
                source,
            })
        })?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        let length = self.hasher.length();
        // It was of the right size when it was opened: it has changed since.
        if length > self.size || (read == 0 && length < self.size && !buffer.is_empty()) {
            return Err(self.wrong.set(Error::Size {
                digest: self.digest,
                place: self.place.to_owned(),
                expected: self.size,
                found: length,
            }));
        }
        if length == self.size {
            let (found, _) = self.hasher.clone().finish();
            if found != self.digest {
                return Err(self.wrong.set(Error::Digest {
                    place: self.place.to_owned(),
                    expected: self.digest,
                    found,
                }));
            }
        }
        match (self.tell)(length) {
            true => Ok(read),
            false => Err(io::Error::other("it was stopped")),
        }
    }
}
