//! Where a file's content is inside an image.

use crate::squashfs::format::DATA_UNCOMPRESSED;

/// One file's content inside the image, for [`Kind::File`](super::Kind::File).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileData {
    pub(super) size: u64,
    pub(super) run: Option<usize>,
    pub(super) tail: Option<Tail>,
}

impl FileData {
    /// The content of an empty file.
    pub const EMPTY: Self = Self {
        size: 0,
        run: None,
        tail: None,
    };

    /// Length of the content, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
}

/// Where the last, short block of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) fragment: u32,
    pub(super) offset: u32,
}

/// The full blocks of a file, one behind the other in the image.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// Position of the first block that is stored.
    pub(super) start: Option<u64>,
    /// Stored sizes with [`DATA_UNCOMPRESSED`]; 0 for a block of zeros, which is not stored.
    pub(super) sizes: Vec<u32>,
}

impl Run {
    /// What its blocks take in the image, in bytes.
    pub(super) fn stored_bytes(&self) -> u64 {
        let stored = |size: &u32| u64::from(size & !DATA_UNCOMPRESSED);
        self.sizes.iter().map(stored).sum()
    }
}
