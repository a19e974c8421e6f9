//! Where a seek leads in something of a known size.

use std::io::{self, SeekFrom};

/// The new position, in bytes; it may be behind the end, as in a file.
///
/// # Errors
///
/// `InvalidInput` when it would be before the start, or is no number.
pub fn target(to: SeekFrom, position: u64, size: u64) -> io::Result<u64> {
    let target = match to {
        SeekFrom::Start(offset) => Some(offset),
        SeekFrom::End(offset) => size.checked_add_signed(offset),
        SeekFrom::Current(offset) => position.checked_add_signed(offset),
    };
    target.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}
