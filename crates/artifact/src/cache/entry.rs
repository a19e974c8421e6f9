//! One entry: a header, and what it holds.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use lanes::Pieces;
use sha2::{Digest, Sha256};

use super::Key;

/// What an entry starts with: a name and the format's version.
const MAGIC: &[u8; 16] = b"sealboot made 2\n";

/// Size of the header, in bytes: [`MAGIC`], the key, [`seal`].
const HEADER: usize = 16 + 32 + 32;

/// Between reading and writing, in bytes.
const CHUNK: usize = 1 << 18;

/// An entry whose content was not looked at yet.
#[derive(Debug)]
pub struct Found {
    file: File,
    key: Key,
    maker: [u8; 32],
    expected: [u8; 32],
    size: u64,
}

impl Found {
    pub(super) fn open(mut file: File, key: &Key, maker: [u8; 32]) -> Option<Self> {
        let mut header = [0; HEADER];
        file.read_exact(&mut header).ok()?;
        let (magic, rest) = header.split_first_chunk::<16>()?;
        let (found, rest) = rest.split_first_chunk::<32>()?;
        let (expected, _) = rest.split_first_chunk::<32>()?;
        let size = file.metadata().ok()?.len().checked_sub(HEADER as u64)?;
        (magic == MAGIC && *found == key.0).then_some(Self {
            file,
            key: *key,
            maker,
            expected: *expected,
            size,
        })
    }

    /// Length of the content, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether the content is what was kept. It is read once for that.
    pub fn holds(&self) -> bool {
        self.read(|_| Ok(())).unwrap_or_default()
    }

    /// The file, and where the content starts in it, which is not checked here.
    pub fn into_file(self) -> (File, u64) {
        (self.file, HEADER as u64)
    }

    /// The content; `None` when it is not what was kept.
    pub fn into_bytes(self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.copy(&mut bytes, &mut |_| {}) {
            Ok(true) => Some(bytes),
            _ => None,
        }
    }

    /// Writes the content to `out`; false when it was not what was kept, and then what is in `out`
    /// is of no use. An error is one of `out`. `progress` is told how many bytes are done.
    pub fn copy(self, out: &mut dyn Write, progress: &mut dyn FnMut(u64)) -> io::Result<bool> {
        let mut done = 0;
        self.read(|bytes| {
            out.write_all(bytes)?;
            done += bytes.len() as u64;
            progress(done);
            Ok(())
        })
    }

    /// Hands over the content, part after part; whether it was what was kept. An error is one of
    /// `each`.
    fn read(&self, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<bool> {
        let mut hash = Pieces::new();
        let mut buffer = vec![0; CHUNK];
        let mut position = HEADER as u64;
        loop {
            let read = match self.file.read_at(&mut buffer, position) {
                Ok(0) => break,
                Ok(read) => buffer.get(..read).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Ok(false),
            };
            hash.update(read);
            each(read)?;
            position += read.len() as u64;
        }
        Ok(seal(&self.maker, &self.key, &hash.finish()) == self.expected)
    }
}

/// SHA-256 over maker, key and the content's hash: all of fixed lengths, so nothing can be added
/// to what it was made of.
fn seal(maker: &[u8; 32], key: &Key, content: &[u8; 32]) -> [u8; 32] {
    Sha256::new_with_prefix(maker)
        .chain_update(key.0)
        .chain_update(content)
        .finalize()
        .into()
}

/// Writes an entry into an empty file; false when its content has more than `limit` bytes.
pub(super) fn write(
    file: &mut File,
    (key, maker): (&Key, &[u8; 32]),
    content: &mut dyn Read,
    limit: u64,
) -> io::Result<bool> {
    file.write_all(&[0; HEADER])?;
    let mut hash = Pieces::new();
    let mut buffer = vec![0; CHUNK];
    let mut size = 0;
    loop {
        let read = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => buffer.get(..read).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        size += read.len() as u64;
        if size > limit {
            return Ok(false);
        }
        hash.update(read);
        file.write_all(read)?;
    }
    // The header comes last: an entry that was cut off has none.
    file.seek(SeekFrom::Start(0))?;
    let seal = seal(maker, key, &hash.finish());
    file.write_all(&[&MAGIC[..], &key.0, &seal].concat())?;
    Ok(true)
}
