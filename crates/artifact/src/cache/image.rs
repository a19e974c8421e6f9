//! Whole images: put in place when the same one was built before.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::blocks::{self, Known};
use super::contents::{self, Contents};
use super::{Key, Store, beside};
use crate::image::{self, BuiltImage, Error, Nowhere, Options, Progress, Step};
use formats::squashfs::{self, StoredBlock};
use source::tree::Tree;

/// An image, and what is left to do to keep it.
#[derive(Debug)]
pub struct Cached {
    /// What was built, or found.
    pub image: BuiltImage,
    /// Where it is.
    pub file: File,
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
    file: Arc<File>,
    image: BuiltImage,
    parameters: squashfs::Options,
    contents: Vec<u8>,
    blocks: Vec<StoredBlock>,
}

impl Keeping {
    /// Keeps it. The file must not be changed from now on: what is kept may be this very file.
    pub fn run(self) -> Result<(), super::Error> {
        let store = &self.store;
        if self.image.size > store.limit {
            return Ok(());
        }
        let path = store.beside(&self.key);
        let hashes = beside::hashes(&self.file, self.image.size)
            .and_then(|hashes| store.put_beside(&self.key, &self.file).map(|()| hashes))
            .map_err(super::Error::io("keep an image as", &path))?;
        let entry = [&facts(&self.image)[..], &hashes].concat();
        store.put(&self.key, &entry)?;
        contents::keep(store, &self.key, &self.contents)?;
        blocks::keep(store, &self.key, &self.parameters, &self.blocks)
    }
}

/// Size of what stands in front of the hashes in an entry, in bytes: size, `data_size`,
/// `hash_offset`, root hash.
const FACTS: usize = 8 + 8 + 8 + 32;

fn facts(image: &BuiltImage) -> [u8; FACTS] {
    let mut facts = [0; FACTS];
    let numbers = [image.size, image.data_size, image.hash_offset].map(u64::to_le_bytes);
    let all = numbers.as_flattened().iter().chain(&image.root_hash);
    facts.iter_mut().zip(all).for_each(|(to, from)| *to = *from);
    facts
}

/// An image that was kept, not looked into yet.
pub(super) struct Kept {
    /// The file, from its first byte.
    pub file: Arc<File>,
    facts: [u8; FACTS],
    hashes: Vec<u8>,
}

impl Kept {
    /// The image of a key, if it is there.
    pub fn find(store: &Store, key: &Key) -> Option<Self> {
        let entry = store.get(key)?;
        let (facts, hashes) = entry.split_first_chunk()?;
        Some(Self {
            file: store.find_beside(key)?,
            facts: *facts,
            hashes: hashes.to_vec(),
        })
    }

    /// Whether it is still what was kept. It is read once for that.
    pub fn holds(&self) -> bool {
        let image = self.image(&[]);
        let length = self.file.metadata().map(|found| found.len());
        length.is_ok_and(|length| length == image.size)
            && beside::hashes(&self.file, image.size).is_ok_and(|hashes| hashes == self.hashes)
    }

    fn image(&self, salt: &[u8]) -> BuiltImage {
        let (numbers, root_hash) = self.facts.split_at(FACTS - 32);
        let (numbers, _) = numbers.as_chunks();
        let number = |index: usize| {
            numbers
                .get(index)
                .map_or(0, |bytes| u64::from_le_bytes(*bytes))
        };
        BuiltImage {
            size: number(0),
            data_size: number(1),
            hash_offset: number(2),
            salt: salt.to_vec(),
            root_hash: root_hash.try_into().unwrap_or_default(),
        }
    }
}

/// [`image::build`] into a new file, or what it built from the same tree with the same options before.
/// Bytes and facts are the same either way.
pub fn build(
    store: Option<&Store>,
    tree: &Tree,
    out: &Path,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Cached, Error> {
    let Some(store) = store else {
        let mut file = create(out)?;
        let image = image::build(tree, &mut file, options, progress)?;
        return Ok(Cached {
            image,
            file,
            found: false,
            keeping: None,
        });
    };
    let identity = tree.identity()?;
    let key = key(store, &identity.sha256, options);
    if let Some((image, file)) = find(store, &key, out, options, progress)? {
        return Ok(Cached {
            image,
            file,
            found: true,
            keeping: None,
        });
    }
    let mut options = options.clone();
    options.squashfs.earlier = Some(Arc::new(Known::load(store, &options.squashfs)));
    let mut contents = Contents::load(store, &options.squashfs, tree);
    let mut file = create(out)?;
    let built = image::build_and_list(tree, &mut file, &options, &mut contents, progress);
    let (image, blocks) = match built {
        // What was kept cannot be read any more: then it is not there.
        Err(error) if cannot_be_read(&error) => {
            remove(out)?;
            file = create(out)?;
            image::build_and_list(tree, &mut file, &options, &mut Nowhere, progress)?
        }
        other => other?,
    };
    // A file that was changed meanwhile may have been read before or after that.
    let same = !identity.on_this_machine || tree.identity_anew()? == identity;
    // Without another handle it is not kept, which is no reason to fail.
    let other = file.try_clone().ok().filter(|_| same);
    let keeping = other.map(|file| Keeping {
        store: store.clone(),
        key,
        file: Arc::new(file),
        image: image.clone(),
        parameters: options.squashfs,
        contents: contents::list(tree),
        blocks,
    });
    Ok(Cached {
        image,
        file,
        found: false,
        keeping,
    })
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

/// Puts the kept image in its place; `None`, and there is nothing, when there is none.
fn find(
    store: &Store,
    key: &Key,
    out: &Path,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<(BuiltImage, File)>, Error> {
    let Some(kept) = Kept::find(store, key) else {
        return Ok(None);
    };
    let image = kept.image(&options.salt);
    let mut tell = |done| {
        let (step, total) = (Step::Contents, image.size);
        progress(Progress { step, done, total });
    };
    tell(0);
    if !kept.holds() {
        store.forget(key);
        return Ok(None);
    }
    beside::place(&kept.file, out).map_err(|source| failed("copying a kept image", source))?;
    tell(image.size);
    let file = File::open(out).map_err(|source| failed("opening a copied image", source))?;
    Ok(Some((image, file)))
}

fn create(out: &Path) -> Result<File, Error> {
    beside::create(out).map_err(|source| failed("creating an image", source))
}

fn remove(out: &Path) -> Result<(), Error> {
    fs::remove_file(out).map_err(|source| failed("taking back a damaged image", source))
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
