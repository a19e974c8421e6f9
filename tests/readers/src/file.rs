//! Bytes as a file: for readers that take a path.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;

use rustix::fs::{MemfdFlags, memfd_create};

/// Calls `work` with the path of a file that holds `bytes`. It is in memory and has no name.
///
/// # Panics
///
/// When the system has no memory for it.
pub fn with_file<T>(bytes: &[u8], work: impl FnOnce(&Path) -> T) -> T {
    let file = memfd_create("input", MemfdFlags::CLOEXEC).expect("a file in memory");
    let mut file = File::from(file);
    file.write_all(bytes).expect("memory for a file");
    work(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())))
}
