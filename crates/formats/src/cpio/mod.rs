//! cpio in its "newc" form: what the kernel unpacks as an initial root filesystem.
//!
//! Specification: "initramfs buffer format" in the kernel's documentation
//! (<https://docs.kernel.org/driver-api/early-userspace/buffer-format.html>), and `cpio(5)`. An
//! archive is a list of entries; an entry is a header of 110 ASCII bytes, the NUL-terminated
//! path, and the content, the last two padded to 4 bytes. An entry `TRAILER!!!` ends it.

mod dump;
#[cfg(feature = "build")]
mod fields;
mod format;
#[cfg(feature = "build")]
mod frames;
mod reader;
mod stream;
#[cfg(test)]
mod tests;
mod writer;

pub use dump::dump;
#[cfg(feature = "build")]
pub use fields::fields;
pub use reader::Reader;
pub use stream::select;
pub use writer::Writer;

/// A path with what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Relative to the root of the archive: `usr/bin/init`.
    pub path: &'a [u8],
    /// Permission bits, setuid, setgid and sticky: `mode & 0o7777`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time, seconds since 1970.
    pub mtime: u32,
    /// What it is.
    pub kind: Kind<'a>,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A directory.
    Directory,
    /// A regular file and its content. The writer makes no hard links; of those in another's
    /// archive only the last has content.
    File(&'a [u8]),
    /// A symbolic link and its target.
    Symlink(&'a [u8]),
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
}

impl<'a> Entry<'a> {
    /// An entry of root.
    pub fn root(path: &'a [u8], mode: u16, mtime: u32, kind: Kind<'a>) -> Self {
        Self {
            path,
            mode,
            uid: 0,
            gid: 0,
            mtime,
            kind,
        }
    }
}

/// Why an archive was not written or not read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path that the kernel would not unpack as meant.
    #[error("the path {path:?} cannot be put into a cpio archive: {problem}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Sizes have 32 bits.
    #[error("{path:?} has {size} bytes; cpio ends at 4294967295")]
    TooLarge {
        /// The path.
        path: String,
        /// Its size in bytes.
        size: usize,
    },
    /// The archive cannot be written out.
    #[error("the cpio archive cannot be written")]
    Write(#[source] std::io::Error),
    /// The archive cannot be read.
    #[error("the cpio archive cannot be read")]
    Read(#[source] std::io::Error),
    /// Bytes that are no archive.
    #[error("the cpio archive is damaged at offset {offset}: {problem}")]
    Damaged {
        /// Where the entry starts, in bytes.
        offset: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
}
