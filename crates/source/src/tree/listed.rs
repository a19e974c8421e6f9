//! What is in a layer, read from its stream or known from an earlier time.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Error;
use super::host::Stamp;
use super::merge::MEMORY_MAX;
use super::replay::Hashing;
use crate::fetch::Digest;
use crate::layer::archive::{Archive, Entry, EntryKind};
use crate::layer::{EntryError, EntryProblem, Layer, Listing, read_ahead};

/// What an entry needs beside its names and attributes, roughly, in bytes.
pub(super) const MEMORY_ENTRY: u64 = 200;

/// What is in a layer.
pub(super) struct Listed {
    pub(super) entries: Vec<Entry>,
    /// Of the stream, where all of it was read.
    pub(super) sha256: Option<[u8; 32]>,
    /// Of the stream's file, where only the headers were.
    pub(super) stamp: Option<Stamp>,
}

impl From<Listing> for Listed {
    fn from(listing: Listing) -> Self {
        Self {
            entries: listing.entries,
            sha256: Some(listing.sha256),
            stamp: None,
        }
    }
}

/// Lists a layer that keeps its listing: to add it to a tree then takes no time. What is wrong with it is
/// said when it is added.
pub fn list_ahead(layer: &dyn Layer, stop: &AtomicBool) {
    if layer.keeps_listing() {
        let _ = list(layer, MEMORY_MAX, stop);
    }
}

/// What is in a layer, compared with what it has to be.
pub(super) fn list(layer: &dyn Layer, memory: u64, stop: &AtomicBool) -> Result<Listed, Error> {
    let name = || layer.name().to_owned();
    let failed = |error| Error::Layer {
        layer: name(),
        error,
    };
    let cannot = |source| Error::Open {
        layer: name(),
        source,
    };
    let listing = match layer.listing() {
        Some(listing) => listing,
        None => {
            if let Some(file) = layer.as_file().map_err(cannot)? {
                let stamp = Some(Stamp::of(&file.metadata().map_err(cannot)?));
                let mut archive = Archive::seekable(file);
                let entries = entries(&mut archive, memory, stop).map_err(failed)?;
                return Ok(Listed {
                    entries,
                    sha256: None,
                    stamp,
                });
            }
            let stream = layer.open_to_list().map_err(cannot)?;
            let listing = read_ahead(stream, |input| {
                let mut archive = Archive::new(Hashing::new(input));
                Ok(Listing {
                    entries: entries(&mut archive, memory, stop)?,
                    sha256: archive.finish()?.sha256(),
                })
            });
            let listing = listing.map_err(failed)?;
            if layer.keeps_listing() && !stop.load(Ordering::Relaxed) {
                layer.keep_listing(&listing);
            }
            listing
        }
    };
    match layer.diff_id() {
        Some(expected) if expected.0 != listing.sha256 => Err(Error::DiffId {
            layer: name(),
            expected,
            found: Digest(listing.sha256),
        }),
        _ => Ok(listing.into()),
    }
}

/// All entries, unless nobody wants them any more.
fn entries<R: Read>(
    archive: &mut Archive<R>,
    memory: u64,
    stop: &AtomicBool,
) -> Result<Vec<Entry>, EntryError> {
    let mut entries = Vec::new();
    let mut left = memory;
    while let Some(entry) = archive.next_entry()? {
        let rest = left.checked_sub(needed(&entry));
        left = rest.ok_or_else(|| archive.error(EntryProblem::Memory(memory)))?;
        entries.push(entry);
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(entries)
}

/// How much memory an entry needs, roughly, in bytes.
pub(super) fn needed(entry: &Entry) -> u64 {
    let attributes = entry.xattrs.iter();
    let attributes = attributes.map(|(name, value)| (name.len() + value.len()) as u64);
    MEMORY_ENTRY + length(entry) + attributes.sum::<u64>()
}

/// Length of an entry's names, in bytes.
pub(super) fn length(entry: &Entry) -> u64 {
    let target = match &entry.kind {
        EntryKind::Symlink(target) | EntryKind::HardLink(target) => target.len(),
        _ => 0,
    };
    (entry.path.len() + target) as u64
}
