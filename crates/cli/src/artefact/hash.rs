//! `sealboot image hash`: a hash tree behind what a file holds.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::Context;
use formats::hex;
use formats::squashfs::Reader;
use formats::verity::{self, BLOCK_SIZE, SUPERBLOCK_SIZE, Superblock};
use media::disk::guid_from;
use sha2::{Digest, Sha256};

use super::image::{Made, Verity, salt, say, sign};
use super::open_keys;
use crate::args;
use crate::exit::{Code, WithCode};
use crate::progress::Progress;

/// Does what the command line says.
pub fn append(options: &args::ImageHash, json: bool, quiet: bool) -> anyhow::Result<()> {
    let keys = open_keys(&options.signing)?;
    let path = &options.file;
    let cannot = || format!("{} cannot get a hash tree", path.display());
    let opened = File::options().read(true).write(true).open(path);
    let mut file = opened.with_context(cannot).input_code()?;
    let size = size(&file).with_context(cannot).input_code()?;
    if let Some(offset) = present(&mut file) {
        return Err(anyhow::anyhow!(
            "it has one already, {offset} bytes from its start; 'truncate -s {offset}' takes it away"
        ))
        .with_context(cannot)
        .code(Code::Refused);
    }
    let seed = seed(&mut file, size).with_context(cannot).input_code()?;
    let step = Progress::new(quiet || json).step("hash tree");
    let data_size = size.next_multiple_of(BLOCK_SIZE as u64);
    cut(&mut file, data_size, path)?;
    let salt = salt(&seed);
    let uuid = guid_from(&seed, "image").to_bytes();
    let read = |bytes: &mut [u8], offset| file.read_exact_at(bytes, offset);
    let threads = verity::processors();
    let built = verity::append_reading(&mut &file, read, data_size, &salt, uuid, threads)
        .map_err(anyhow::Error::from);
    let built = match built.and_then(|built| Ok((file.sync_all()?, built).1)) {
        Ok(built) => built,
        Err(error) => {
            // Half a tree is none, and the next try would take it for data.
            let _ = file.set_len(size);
            return Err(error).with_context(cannot).input_code();
        }
    };
    step.clear();
    let verity = Verity {
        data_size: built.data_size,
        hash_offset: built.hash_offset,
        salt: hex(&salt),
        root_hash: hex(&built.root_hash),
    };
    sign(path, Some(&verity), keys.as_ref())?;
    let made = Made {
        file: path,
        size: built.size,
        verity: Some(verity),
    };
    say(&made, json)
}

/// In bytes; only a file with something in it can be hashed.
fn size(file: &File) -> anyhow::Result<u64> {
    let metadata = file.metadata()?;
    match (metadata.is_file(), metadata.len()) {
        (false, _) => Err(anyhow::anyhow!("it is not a file")),
        (true, 0) => Err(anyhow::anyhow!("it is empty")),
        (true, size) => Ok(size),
    }
}

/// Where the hash tree of a squashfs is, if it has one. Of other files nothing tells where their data
/// ends.
fn present(file: &mut File) -> Option<u64> {
    let end = Reader::open(&mut *file).ok()?.superblock().bytes_used.get();
    let offset = end.checked_next_multiple_of(BLOCK_SIZE as u64)?;
    let mut bytes = [0; SUPERBLOCK_SIZE];
    file.seek(SeekFrom::Start(offset)).ok()?;
    file.read_exact(&mut bytes).ok()?;
    Superblock::parse(&bytes).ok().map(|_| offset)
}

/// What salt and UUID come from: both ends and the size. A squashfs has its date and its size at its
/// start, and where its tables are at its end.
fn seed(file: &mut File, size: u64) -> anyhow::Result<[u8; 32]> {
    let mut hash = Sha256::new_with_prefix("sealboot hash tree");
    hash.update(size.to_le_bytes());
    let length = size.min(BLOCK_SIZE as u64);
    for start in [0, size.saturating_sub(length)] {
        let mut end = vec![0; BLOCK_SIZE.min(usize::try_from(length)?)];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut end)?;
        hash.update(&end);
    }
    Ok(hash.finalize().into())
}

/// Takes away what is behind `size` bytes.
fn cut(file: &mut File, size: u64, path: &Path) -> anyhow::Result<()> {
    file.set_len(size)
        .with_context(|| format!("{} cannot be cut", path.display()))
        .code(Code::Failed)
}
