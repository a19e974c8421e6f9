//! To a layout in a folder, which may hold other images already.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FlockOperation, flock};

use super::super::blob::Blob;
use super::super::document::{Descriptor, MANIFEST_MAX};
use super::super::error::Error;
use super::super::image::Store;
use super::super::layout::Layout;
use super::bundle::Bundle;
use super::{Checked, Counts, Wrong, index};
use crate::fetch::{Digest, Progress, in_parallel};

/// Where blobs are in a layout.
pub(super) const BLOBS: &str = "blobs/sha256";

/// Writes all of it that the layout has not. What is new is written beside its place and moved there
/// at the end, the index last: a copy that fails leaves the folder as it was.
pub(super) fn write(
    bundle: &Bundle,
    store: &dyn Store,
    folder: &Path,
    tag: &str,
    progress: &dyn Progress,
) -> Result<Counts, Error> {
    let made = Made::folder(folder)?;
    let _lock = lock(folder)?;
    let old = open(folder)?;
    let corner = tempfile::Builder::new()
        .prefix(".copying-")
        .tempdir_in(folder);
    // Its own message names a folder that nobody asked for.
    let corner = corner.map_err(|error| failed("write to", folder)(error.kind().into()))?;

    let mut counts = Counts::default();
    let place = |digest: &Digest| folder.join(BLOBS).join(digest.to_string());
    let aside = |digest: &Digest| corner.path().join(digest.to_string());
    let is_there = |digest: &Digest, size: u64| {
        fs::metadata(place(digest)).is_ok_and(|found| found.is_file() && found.len() == size)
    };
    let blobs: Vec<_> = bundle.blobs.iter().collect();
    let written = in_parallel(&blobs, |(digest, descriptor), stop| {
        if is_there(digest, descriptor.size) {
            return Ok(false);
        }
        let name = format!("blob sha256:{digest}");
        let blob = store.blob(descriptor, &name, stop)?;
        let path = aside(digest);
        let mut file = File::create_new(&path).map_err(failed("write to", folder))?;
        let part = (name.as_str(), *descriptor, &blob);
        copy(part, &mut file, progress, stop)?.map_err(failed("write to", folder))?;
        file.sync_all().map_err(failed("write to", folder))?;
        Ok::<_, Error>(true)
    })?;
    let mut new: Vec<Digest> = Vec::new();
    for ((digest, descriptor), written) in blobs.into_iter().zip(written) {
        counts.add(written, descriptor.size);
        new.extend(written.then_some(*digest));
    }
    for document in bundle.others().chain([&bundle.root]) {
        let written = !is_there(&document.digest, document.bytes.len() as u64);
        counts.add(written, document.bytes.len() as u64);
        if written {
            put(&aside(&document.digest), &document.bytes).map_err(failed("write to", folder))?;
            new.push(document.digest);
        }
    }
    let bytes = match &old {
        None => index::new(bundle, tag)?,
        Some(old) => {
            let name = format!("{} in {}", index::INDEX, folder.display());
            index::extended(old, &name, bundle, tag)?
        }
    };
    put(&corner.path().join(index::INDEX), &bytes).map_err(failed("write to", folder))?;

    // All of it is there: only moving is left.
    let blobs = folder.join(BLOBS);
    fs::create_dir_all(&blobs).map_err(failed("make", &blobs))?;
    for digest in &new {
        rename(&aside(digest), &place(digest))?;
    }
    sync(&blobs)?;
    if old.is_none() {
        let (name, bytes) = index::VERSION;
        put(&folder.join(name), bytes).map_err(failed("write to", folder))?;
    }
    rename(
        &corner.path().join(index::INDEX),
        &folder.join(index::INDEX),
    )?;
    sync(folder)?;
    made.keep();
    Ok(counts)
}

/// The index of a layout; `None` when the folder is empty.
fn open(folder: &Path) -> Result<Option<Vec<u8>>, Error> {
    let mut entries = fs::read_dir(folder).map_err(failed("read", folder))?;
    // What a copy left that was killed counts for nothing.
    let mine = |name: &str| name.starts_with(".copying-");
    let is_empty =
        entries.all(|entry| entry.is_ok_and(|entry| mine(&entry.file_name().to_string_lossy())));
    if is_empty {
        return Ok(None);
    }
    let layout = Layout::Folder(folder.to_owned());
    layout.images()?;
    let name = format!("{} in {}", index::INDEX, folder.display());
    let index = layout.get(index::INDEX)?;
    index
        .map(|index| index.bytes(&name, MANIFEST_MAX))
        .transpose()
}

/// Copies a blob while its digest is taken. The inner result is that of writing.
pub(super) fn copy(
    (name, descriptor, blob): (&str, &Descriptor, &Blob),
    out: &mut dyn Write,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<io::Result<()>, Error> {
    let wrong = Wrong::default();
    let tell = |done| {
        progress.advance(name, done, descriptor.size);
        !stop.load(Ordering::Relaxed)
    };
    let size = (descriptor.digest()?, descriptor.size);
    let mut reader = Checked::new(blob, size, &tell, &wrong);
    let copied = io::copy(&mut reader, out);
    match wrong.take() {
        Some(error) => Err(error),
        None => Ok(copied.map(drop)),
    }
}

/// Writes a whole small file.
fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(failed("make", to))
}

fn sync(folder: &Path) -> Result<(), Error> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(failed("write to", folder))
}

/// One copy at a time changes a layout.
fn lock(folder: &Path) -> Result<File, Error> {
    let file = File::open(folder).map_err(failed("open", folder))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Destination {
            image: format!("oci:{}", folder.display()),
            what: "another program is writing to it",
        }),
        Err(error) => Err(failed("lock", folder)(error.into())),
    }
}

/// A folder that goes away again when nothing comes of it.
struct Made(Option<PathBuf>);

impl Made {
    fn folder(path: &Path) -> Result<Self, Error> {
        match fs::create_dir(path) {
            Ok(()) => Ok(Self(Some(path.to_owned()))),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Self(None)),
            Err(error) => Err(failed("make", path)(error)),
        }
    }

    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Only what is empty goes.
            let _ = fs::remove_dir(path);
        }
    }
}

pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::Write {
        action,
        path,
        source,
    }
}
