//! To a layout in a tar, which is written anew: the same image gives the same bytes.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::super::document::Descriptor;
use super::super::error::Error;
use super::super::image::Store;
use super::super::tar_index::TarIndex;
use super::bundle::Bundle;
use super::folder::{BLOBS, copy, failed};
use super::{Counts, index};
use crate::fetch::{Digest, Progress, in_parallel};

/// In bytes.
const BLOCK: u64 = 512;

/// What a blob is made of.
enum Part<'a> {
    Document(&'a [u8]),
    Blob(&'a Descriptor),
}

/// Writes the tar beside its place and moves it there when it is whole.
pub(super) fn write(
    bundle: &Bundle,
    store: &dyn Store,
    path: &Path,
    tag: &str,
    progress: &dyn Progress,
) -> Result<Counts, Error> {
    check(path)?;
    // A registry gives several at once; a tar takes one after the other.
    if store.is_checked() {
        let all: Vec<_> = bundle.blobs.iter().collect();
        in_parallel(&all, |(digest, descriptor), stop| {
            let name = format!("blob sha256:{digest}");
            store.blob(descriptor, &name, stop).map(drop)
        })?;
    }
    let mut parts: BTreeMap<Digest, Part<'_>> = BTreeMap::new();
    for (digest, descriptor) in &bundle.blobs {
        parts.insert(*digest, Part::Blob(descriptor));
    }
    for document in bundle.others().chain([&bundle.root]) {
        parts.insert(document.digest, Part::Document(&document.bytes));
    }

    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let file = tempfile::Builder::new()
        .prefix(".copying-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        // Its own message names a file that nobody asked for.
        .map_err(|error| failed("make", path)(error.kind().into()))?;
    let mut out = BufWriter::with_capacity(1 << 17, file);
    let mut counts = Counts::default();
    for folder in ["blobs/", "blobs/sha256/"] {
        header(&mut out, folder, None).map_err(failed("write", path))?;
    }
    for (digest, part) in &parts {
        let name = format!("{BLOBS}/{digest}");
        match part {
            Part::Document(bytes) => {
                small(&mut out, &name, bytes).map_err(failed("write", path))?;
                counts.add(true, bytes.len() as u64);
            }
            Part::Blob(descriptor) => {
                let (said, stop) = (format!("blob sha256:{digest}"), AtomicBool::new(false));
                let blob = store.blob(descriptor, &said, &stop)?;
                header(&mut out, &name, Some(descriptor.size)).map_err(failed("write", path))?;
                let part = (said.as_str(), *descriptor, &blob);
                copy(part, &mut out, progress, &stop)?.map_err(failed("write", path))?;
                pad(&mut out, descriptor.size).map_err(failed("write", path))?;
                counts.add(true, descriptor.size);
            }
        }
    }
    let finish = || -> io::Result<()> {
        small(
            &mut out,
            index::INDEX,
            &index::new(bundle, tag).map_err(io::Error::other)?,
        )?;
        small(&mut out, index::VERSION.0, index::VERSION.1)?;
        // Two blocks of zeroes end a tar.
        out.write_all(&[0; 2 * BLOCK as usize])?;
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    finish().map_err(failed("write", path))?;
    Ok(counts)
}

/// What is there is replaced only when it is of the same kind.
fn check(path: &Path) -> Result<(), Error> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("write", path)(error)),
        Ok(_) => {}
    }
    let is_archive = TarIndex::open(path).is_ok_and(|tar| tar.get(index::VERSION.0).is_some());
    match is_archive {
        true => Ok(()),
        false => Err(Error::Destination {
            image: format!("oci-archive:{}", path.display()),
            what: "something else is there, which would be lost; remove it or give another name",
        }),
    }
}

fn small(out: &mut dyn Write, name: &str, bytes: &[u8]) -> io::Result<()> {
    header(out, name, Some(bytes.len() as u64))?;
    out.write_all(bytes)?;
    pad(out, bytes.len() as u64)
}

/// The header of a file of that size, or of a directory: root's, of 1970.
fn header(out: &mut dyn Write, name: &str, size: Option<u64>) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name)?;
    let (kind, mode) = match size {
        Some(_) => (tar::EntryType::Regular, 0o644),
        None => (tar::EntryType::Directory, 0o755),
    };
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size.unwrap_or(0));
    for set in [
        tar::Header::set_uid,
        tar::Header::set_gid,
        tar::Header::set_mtime,
    ] {
        set(&mut header, 0);
    }
    header.set_cksum();
    out.write_all(header.as_bytes())
}

/// A file ends with a whole block.
fn pad(out: &mut dyn Write, size: u64) -> io::Result<()> {
    let rest = (BLOCK - size % BLOCK) % BLOCK;
    out.write_all([0; BLOCK as usize].get(..rest as usize).unwrap_or_default())
}
