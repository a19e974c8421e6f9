//! One layer: a tar stream that can be read from its start as often as needed.
//!
//! In order: [`Layer`], the layers that are a file ([`TarFile`]) or bytes in memory
//! ([`TarBytes`]); in `archive` how a tar stream is read, in `listing` what can be kept of it, in
//! `spool` where it is put aside, in `ahead` how it is decompressed meanwhile.

mod ahead;
pub mod archive;
mod listing;
mod spool;

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use liblzma::stream::Stream;

use crate::fetch::Digest;
use crate::section::Section;
pub(crate) use ahead::read_ahead;
pub use archive::{EntryError, EntryProblem};
pub use listing::Listing;
pub use spool::Spool;

/// One tar stream: an OCI layer, a `.deb`'s data, an `.apk`'s data, a tarball.
pub trait Layer: Send + Sync {
    /// What to call it in messages: `kmod_34.2-2_amd64.deb`.
    fn name(&self) -> &str;
    /// The uncompressed tar stream, from its start.
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>>;
    /// The same, for whoever reads it the first time and to its end.
    fn open_to_list(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        self.open()
    }
    /// The stream as a file, where it is one as it is: then nothing is read that nobody wants.
    fn as_file(&self) -> io::Result<Option<Section>> {
        Ok(None)
    }
    /// Whether the stream is where nobody can change it any more.
    fn is_put_aside(&self) -> bool {
        false
    }
    /// By which rules it is merged over what is below it.
    fn kind(&self) -> LayerKind {
        LayerKind::Archive
    }
    /// What the SHA-256 of the whole uncompressed stream has to be, where that is known: an OCI
    /// layer's `diff_id`. The tree compares.
    fn diff_id(&self) -> Option<Digest> {
        None
    }
    /// A SHA-256 that says which bytes the stream has, before it is read: that of the file that it is
    /// in. `None` where the stream is not compared with one, then or when it is opened.
    fn digest(&self) -> Option<Digest> {
        None
    }
    /// What is in the stream, where that is known from an earlier time. The tree believes it, and
    /// finds out when it reads a content.
    fn listing(&self) -> Option<Listing> {
        None
    }
    /// Whether [`keep_listing`](Self::keep_listing) is to be called.
    fn keeps_listing(&self) -> bool {
        false
    }
    /// Takes what was found in the stream, once it was read to its end without an error.
    fn keep_listing(&self, _listing: &Listing) {}
}

impl fmt::Debug for dyn Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is done with a layer as soon as it is on this machine, while others still come: nothing that can
/// fail, and nothing any more once the flag is up. Gives the layer as it is used from then on.
pub type Arrival<'a> = dyn Fn(Arc<dyn Layer>, &AtomicBool) -> Arc<dyn Layer> + Sync + 'a;

/// By which rules a layer is merged. What both have in common is in
/// [`crate::tree::Tree::add_layer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// A tarball or package. `.wh.` names are ordinary files. As with dpkg, a directory entry
    /// leaves a symbolic link to a directory alone (`lib -> usr/lib`), and nothing but a
    /// directory may take the place of a directory with something in it.
    Archive,
    /// An OCI layer (image-spec, layer.md). `.wh.` names take away what is below; every entry
    /// replaces what is there, only a directory merges with a directory.
    Oci,
}

/// A tarball on disk: plain, or compressed with gzip, xz or zstd, which its first bytes tell.
#[derive(Clone, Debug)]
pub struct TarFile {
    path: PathBuf,
    name: String,
    kind: LayerKind,
}

impl TarFile {
    /// A tarball at this path, which is opened when it is read. Its name in messages is the
    /// path.
    pub fn new(path: impl Into<PathBuf>, kind: LayerKind) -> Self {
        let path = path.into();
        let name = path.display().to_string();
        Self { path, name, kind }
    }

    fn open_and_look(&self) -> io::Result<(File, Vec<u8>)> {
        let mut file = File::open(&self.path)?;
        let mut magic = Vec::new();
        file.by_ref().take(MAGIC_MAX).read_to_end(&mut magic)?;
        file.rewind()?;
        Ok((file, magic))
    }
}

impl Layer for TarFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        let (file, magic) = self.open_and_look()?;
        decompress(&magic, BufReader::with_capacity(128 * 1024, file))
    }

    fn as_file(&self) -> io::Result<Option<Section>> {
        let (file, magic) = self.open_and_look()?;
        let plain = matches!(Compression::of(&magic), Compression::None);
        // What is no file (a pipe) can be read once only, and says so itself.
        let plain = plain && file.metadata()?.is_file();
        Ok(plain.then(|| Section::whole(&Arc::new(file))))
    }

    fn kind(&self) -> LayerKind {
        self.kind
    }
}

/// A tar stream in memory, compressed or not.
#[derive(Clone, Debug)]
pub struct TarBytes {
    /// What to call it in messages.
    pub name: String,
    /// The stream.
    pub bytes: Arc<[u8]>,
    /// By which rules it is merged.
    pub kind: LayerKind,
}

impl Layer for TarBytes {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        decompress(&self.bytes, &*self.bytes)
    }

    fn is_put_aside(&self) -> bool {
        true
    }

    fn kind(&self) -> LayerKind {
        self.kind
    }
}

/// How many bytes tell the compression.
const MAGIC_MAX: u64 = 6;

/// The most memory that an xz stream may ask for, in bytes; `xz -9` asks for 65 MiB. zstd's decoder
/// refuses by itself what asks for more than 128 MiB.
pub(crate) const XZ_MEMORY: u64 = 256 << 20;

/// How a stream is compressed.
enum Compression {
    None,
    Gzip,
    Xz,
    Zstd,
}

impl Compression {
    /// By a stream's first bytes, 6 of them where there are as many: gzip (RFC 1952), xz, zstd
    /// (RFC 8878).
    fn of(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// Unpacks a stream that starts with `magic` (at least 6 bytes of it, where there are as
/// many). Streams that consist of several compressed ones are read to their end.
pub fn decompress<'a>(
    magic: &[u8],
    input: impl io::BufRead + Send + 'a,
) -> io::Result<Box<dyn Read + Send + 'a>> {
    Ok(match Compression::of(magic) {
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Compression::Xz => {
            let stream = Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(input, stream))
        }
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(input)?),
        Compression::None => Box::new(input),
    })
}
