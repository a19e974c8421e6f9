//! Whole images: copied when the same one was built before.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::sync::Arc;

use super::blocks::{self, Known};
use super::contents::{self, Contents};
use super::{Key, Store};
use crate::image::{self, BuiltImage, Error, Nowhere, Options, Progress, Step};
use formats::squashfs::{self, StoredBlock};
use source::section::Section;
use source::tree::Tree;

/// An image, and what is left to do to keep it.
#[derive(Debug)]
pub struct Cached {
    /// What was built, or found.
    pub image: BuiltImage,
    /// Whether it was found.
    pub found: bool,
    /// A new one, to be kept: any thread may do that meanwhile.
    pub keeping: Option<Keeping>,
}

/// A new image that is not kept yet.
#[derive(Debug)]
pub struct Keeping {
    store: Store,
    key: Key,
    /// Read from its own places: whoever built it has the same file.
    file: Section,
    image: BuiltImage,
    parameters: squashfs::Options,
    contents: Vec<u8>,
    blocks: Vec<StoredBlock>,
}

impl Keeping {
    /// Keeps it. The file must not be changed until then.
    pub fn run(self) -> Result<(), super::Error> {
        let store = &self.store;
        let facts = [
            &self.image.data_size.to_le_bytes()[..],
            &self.image.hash_offset.to_le_bytes(),
            &self.image.root_hash,
        ]
        .concat();
        let mut entry = self.file.take(self.image.size).chain(&facts[..]);
        store.put(&self.key, &mut entry)?;
        contents::keep(store, &self.key, &self.contents)?;
        blocks::keep(store, &self.key, &self.parameters, &self.blocks)
    }
}

/// Size of what stands behind an image in an entry, in bytes: `data_size`, `hash_offset`, root hash.
const FACTS: usize = 8 + 8 + 32;

/// [`image::build`], or a copy of what it built from the same tree with the same options before.
/// Bytes and facts are the same either way.
pub fn build(
    store: Option<&Store>,
    tree: &Tree,
    out: &mut File,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Cached, Error> {
    let built = |image, found, keeping| Cached {
        image,
        found,
        keeping,
    };
    let Some(store) = store else {
        let image = image::build(tree, out, options, progress)?;
        return Ok(built(image, false, None));
    };
    let identity = tree.identity()?;
    let key = key(store, &identity.sha256, options);
    if let Some(image) = copy(store, &key, out, options, progress)? {
        return Ok(built(image, true, None));
    }
    let mut options = options.clone();
    options.squashfs.earlier = Some(Arc::new(Known::load(store, &options.squashfs)));
    let mut contents = Contents::load(store, &options.squashfs, tree);
    let built_first = image::build_and_list(tree, out, &options, &mut contents, progress);
    let (image, blocks) = match built_first {
        // What was kept cannot be read any more: then it is not there.
        Err(error) if cannot_be_read(&error) => {
            empty(out)?;
            image::build_and_list(tree, out, &options, &mut Nowhere, progress)?
        }
        other => other?,
    };
    // A file that was changed meanwhile may have been read before or after that.
    if identity.on_this_machine && tree.identity()? != identity {
        return Ok(built(image, false, None));
    }
    let keeping = out.try_clone().map(|file| Keeping {
        store: store.clone(),
        key,
        file: Section::whole(&Arc::new(file)),
        image: image.clone(),
        parameters: options.squashfs,
        contents: contents::list(tree),
        blocks,
    });
    // Without another handle it is not kept, which is no reason to fail.
    Ok(built(image, false, keeping.ok()))
}

/// Everything that decides an image's bytes, but for the program itself. Threads do not.
pub(super) fn key(store: &Store, tree: &[u8; 32], options: &Options) -> Key {
    let squashfs = &options.squashfs;
    let compression = squashfs.compression;
    let level = compression.level().unwrap_or_default();
    store.key(
        "image",
        &[
            tree,
            &squashfs.block_size.to_le_bytes(),
            compression.name().as_bytes(),
            &level.to_le_bytes(),
            &options.source_date_epoch.to_le_bytes(),
            &options.salt,
            &options.uuid,
        ],
    )
}

/// The kept image, into an empty file; `None`, and the file is empty again, when there is none.
fn copy(
    store: &Store,
    key: &Key,
    out: &mut File,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<BuiltImage>, Error> {
    let Some(found) = store.find(key) else {
        return Ok(None);
    };
    let total = found.size();
    let step = Step::Contents;
    let mut tell = |done| progress(Progress { step, done, total });
    tell(0);
    let mut tail = Tail {
        out: &mut *out,
        held: Vec::new(),
    };
    let copied = found.copy(&mut tail, &mut tell);
    let facts: Option<[u8; FACTS]> = tail.held.try_into().ok();
    let whole = copied.map_err(|source| failed("copying a kept image", source))?;
    let image = facts.filter(|_| whole).and_then(|facts| {
        let (data_size, rest) = facts.split_first_chunk()?;
        let (hash_offset, rest) = rest.split_first_chunk()?;
        let (root_hash, _) = rest.split_first_chunk()?;
        Some(BuiltImage {
            size: total.checked_sub(FACTS as u64)?,
            data_size: u64::from_le_bytes(*data_size),
            hash_offset: u64::from_le_bytes(*hash_offset),
            salt: options.salt.clone(),
            root_hash: *root_hash,
        })
    });
    if image.is_none() {
        store.forget(key);
        empty(out)?;
    }
    Ok(image)
}

fn empty(out: &mut File) -> Result<(), Error> {
    let emptied = out.set_len(0).and_then(|()| out.rewind());
    emptied.map_err(|source| failed("taking back a damaged image", source))
}

fn cannot_be_read(error: &Error) -> bool {
    let source = match error {
        Error::Content { source, .. } => source,
        other => return matches!(other, Error::Tree(source::tree::Error::Content(_))),
    };
    matches!(source, formats::squashfs::Error::Read { .. })
}

fn failed(action: &'static str, source: io::Error) -> Error {
    Error::Squashfs(formats::squashfs::Error::Io {
        action,
        offset: 0,
        source,
    })
}

/// Writes all but the last [`FACTS`] bytes, which it holds.
struct Tail<'a> {
    out: &'a mut File,
    held: Vec<u8>,
}

impl Write for Tail<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let over = (self.held.len() + bytes.len()).saturating_sub(FACTS);
        let held = over.min(self.held.len());
        self.out
            .write_all(self.held.get(..held).unwrap_or_default())?;
        self.held.drain(..held);
        let (through, kept) = bytes.split_at(over - held);
        self.out.write_all(through)?;
        self.held.extend_from_slice(kept);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
