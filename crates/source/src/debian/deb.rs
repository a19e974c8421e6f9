//! `.deb` files (deb(5)): an `ar` archive of `debian-binary`, `control.tar*` and `data.tar*`.
//!
//! Reading needs no unpacking: the data is a [`Layer`], decompressed as it is read. The scripts in
//! the control part are never looked at.

use super::deb822::{self, Stanza};
use crate::fetch::{CachedFile, Digest};
use crate::layer::{Layer, XZ_MEMORY};
use crate::section::Section;
use formats::ar;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most members that are looked at; a `.deb` has three.
const MOST_MEMBERS: usize = 16;

/// The most that `./control` may take, in bytes.
const MOST_CONTROL: u64 = 1 << 20;

/// The most memory that data may ask of zstd's decompressor, as the logarithm of its window in bytes.
const MOST_WINDOW_LOG: u32 = 27;

/// A package file.
#[derive(Clone, Debug)]
pub struct Deb {
    name: String,
    file: Arc<File>,
    data: Part,
    control: Stanza,
    /// Of the whole file, when it was checked.
    digest: Option<Digest>,
}

/// A compressed tar in the file.
#[derive(Clone, Debug)]
struct Part {
    offset: u64,
    size: u64,
    compression: Compression,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Xz,
    Zstd,
}

/// Suffixes of the two tars' names.
const COMPRESSIONS: &[(&str, Compression)] = &[
    ("", Compression::None),
    (".gz", Compression::Gzip),
    (".xz", Compression::Xz),
    (".zst", Compression::Zstd),
];

/// Why a file is not a usable `.deb`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its outer container is broken.
    #[error("{name} is not a Debian package")]
    Archive {
        /// The file.
        name: String,
        /// Why.
        source: ar::Error,
    },
    /// Its members are not those of a `.deb`.
    #[error("{name} is not a Debian package that can be read: {found}; {expected}")]
    Members {
        /// The file.
        name: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: &'static str,
    },
    /// Its control part cannot be read.
    #[error("the control part of {name} cannot be read")]
    Control {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// Its `control` file is not deb822.
    #[error("the control file of {name} cannot be read")]
    Fields {
        /// The file.
        name: String,
        /// Why.
        source: deb822::Error,
    },
    /// Its `control` file lacks a field, or there is no such file.
    #[error("the control file of {name} has no field {field}")]
    Missing {
        /// The file.
        name: String,
        /// Which one.
        field: &'static str,
    },
}

impl Deb {
    /// Opens a local package file. Nothing vouches for it but whoever names it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|source| Error::Open {
            path: path.to_owned(),
            source,
        })?;
        let name = path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned();
        Self::read(name, Arc::new(file))
    }

    /// A package file from the cache, which was found to have that digest.
    pub fn from_cache(name: &str, cached: CachedFile, digest: Digest) -> Result<Self, Error> {
        let deb = Self::read(name.to_owned(), cached.file)?;
        Ok(Self {
            digest: Some(digest),
            ..deb
        })
    }

    fn read(name: String, file: Arc<File>) -> Result<Self, Error> {
        let mut reader = Section::whole(&file);
        let members = ar::members(&mut reader, MOST_MEMBERS).map_err(|source| Error::Archive {
            name: name.clone(),
            source,
        })?;
        let wrong = |found: String, expected| Error::Members {
            name: name.clone(),
            found,
            expected,
        };
        // Members whose names start with an underscore are for others.
        let mut members = members
            .into_iter()
            .filter(|member| !member.name.starts_with('_'));
        let mut next = |expected| {
            members
                .next()
                .ok_or_else(|| wrong("it has too few parts".to_owned(), expected))
        };

        let expected = "its first part must be debian-binary with a format version 2";
        let member = next(expected)?;
        let mut version = String::new();
        let section = Section::new(&file, member.offset, member.size.min(16));
        let read = section.take(16).read_to_string(&mut version);
        if member.name != "debian-binary" || read.is_err() || !version.starts_with("2.") {
            let found = format!("the first part is {} with {version:?}", member.name);
            return Err(wrong(found, expected));
        }
        let mut tar = |stem: &'static str, expected| {
            let member = next(expected)?;
            let suffix = member.name.strip_prefix(stem);
            let known = COMPRESSIONS
                .iter()
                .find(|(known, _)| suffix == Some(*known));
            let (_, compression) =
                known.ok_or_else(|| wrong(format!("there is {}", member.name), expected))?;
            Ok(Part {
                offset: member.offset,
                size: member.size,
                compression: *compression,
            })
        };
        let control = tar(
            "control.tar",
            "control.tar, .gz, .xz or .zst must be its second part",
        )?;
        let data = tar(
            "data.tar",
            "data.tar, .gz, .xz or .zst must be its third part",
        )?;
        let control = read_control(&name, &file, &control)?;
        let deb = Self {
            name,
            file,
            data,
            control,
            digest: None,
        };
        for field in ["Package", "Version", "Architecture"] {
            if deb.control.get(field).is_none_or(str::is_empty) {
                return Err(Error::Missing {
                    name: deb.name,
                    field,
                });
            }
        }
        Ok(deb)
    }

    /// The fields of its control file.
    pub fn control(&self) -> &Stanza {
        &self.control
    }

    /// Its package's name.
    pub fn package(&self) -> &str {
        self.control.get("Package").unwrap_or_default()
    }

    /// Its package's version, as it is written.
    pub fn version(&self) -> &str {
        self.control.get("Version").unwrap_or_default()
    }
}

impl Layer for Deb {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        decompress(&self.file, &self.data)
    }

    fn digest(&self) -> Option<Digest> {
        self.digest
    }
}

/// Finds `./control` in the control part.
fn read_control(name: &str, file: &Arc<File>, part: &Part) -> Result<Stanza, Error> {
    let find = || -> io::Result<Vec<u8>> {
        let mut tar = tar::Archive::new(decompress(file, part)?);
        for entry in tar.entries()? {
            let entry = entry?;
            let path = entry.path_bytes();
            if matches!(&*path, b"./control" | b"control") {
                let mut bytes = Vec::new();
                drop(path);
                entry.take(MOST_CONTROL).read_to_end(&mut bytes)?;
                return Ok(bytes);
            }
        }
        Ok(Vec::new())
    };
    let bytes = find().map_err(|source| Error::Control {
        name: name.to_owned(),
        source,
    })?;
    let mut reader = deb822::Reader::new(bytes.as_slice(), deb822::MOST_STANZA);
    let stanza = reader.next_stanza();
    let stanza = stanza.map_err(|source| Error::Fields {
        name: name.to_owned(),
        source,
    })?;
    Ok(stanza.unwrap_or_default())
}

fn decompress(file: &Arc<File>, part: &Part) -> io::Result<Box<dyn Read + Send>> {
    let section = Section::new(file, part.offset, part.size);
    let input = BufReader::with_capacity(1 << 17, section);
    Ok(match part.compression {
        Compression::None => Box::new(input),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Compression::Xz => Box::new(xz(input, part.size)?),
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(input)?;
            decoder.window_log_max(MOST_WINDOW_LOG)?;
            Box::new(decoder)
        }
    })
}

/// Packed data from this length on, in bytes, is worth threads of its own.
const WORTH_THREADS: u64 = 1 << 20;

/// The most threads for one stream: more would mostly wait for whoever reads it.
const MOST_THREADS: usize = 8;

/// What the threads together may use before fewer are used, in bytes.
const MOST_THREAD_MEMORY: u64 = 512 << 20;

/// One xz stream of `size` bytes, decompressed with bounded memory. Its blocks, when it has
/// several, are decompressed in parallel.
pub(crate) fn xz<R: BufRead>(input: R, size: u64) -> io::Result<Xz<R>> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let threads = if size < WORTH_THREADS {
        1
    } else {
        cores.min(MOST_THREADS)
    };
    let stream = if threads == 1 {
        liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, 0)?
    } else {
        liblzma::stream::MtStreamBuilder::new()
            .threads(threads as u32)
            .memlimit_threading(MOST_THREAD_MEMORY)
            .memlimit_stop(XZ_MEMORY)
            .decoder()?
    };
    Ok(Xz(liblzma::bufread::XzDecoder::new_stream(input, stream)))
}

/// See [`xz`]. Something after the stream is an error: nobody may take a part for the whole.
pub(crate) struct Xz<R>(liblzma::bufread::XzDecoder<R>);

impl<R: BufRead> Read for Xz<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        if read == 0 && !buffer.is_empty() && !self.0.get_mut().fill_buf()?.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "something follows the xz stream",
            ));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
