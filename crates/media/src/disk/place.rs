//! Files of this machine go into a disk image inside of the kernel: their bytes do not pass through
//! this program, and where the file system can, the image shares them with the file.

use std::fs::File;

use rustix::fs::{SeekFrom, copy_file_range, seek};
use rustix::io::Errno;

/// Copies `size` bytes of a file to byte `at` of a new file, which reads as zeroes there; holes stay
/// holes. Tells whether all of them were copied: not every pair of file systems can, a disk may be
/// full, and a file may have changed. Whoever asks then copies them as any content, and finds out.
pub(super) fn place(from: &File, size: u64, out: &File, at: u64) -> bool {
    let mut done = 0;
    while let Some((start, end)) = data(from, done) {
        let (mut read, mut written) = (start, at + start);
        while read < end {
            let length = usize::try_from(end - read).unwrap_or(usize::MAX);
            match copy_file_range(from, Some(&mut read), out, Some(&mut written), length) {
                Ok(1..) | Err(Errno::INTR) => {}
                Ok(0) | Err(_) => return false,
            }
        }
        done = end;
    }
    from.metadata().is_ok_and(|found| found.len() == size)
}

/// The next run of bytes, from `from` on, that are not in a hole (lseek(2)).
fn data(file: &File, from: u64) -> Option<(u64, u64)> {
    let start = seek(file, SeekFrom::Data(from)).ok()?;
    let end = seek(file, SeekFrom::Hole(start)).ok()?;
    Some((start, end))
}
