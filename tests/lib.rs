//! What the tests share: files of Debian's archive, and reference tools.

mod archive;
mod tool;

pub use archive::{Paragraph, cache, deb_tar, kernel_deb, package, package_file};
pub use tool::{answer, output, run, stdout};
