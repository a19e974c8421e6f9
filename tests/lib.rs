//! What the tests share: files of Debian's archive, real files beside the repository, and
//! reference tools.

mod archive;
mod data;
mod tool;

pub use archive::{Paragraph, cache, deb_tar, kernel_deb, package, package_file};
pub use data::shared_data;
pub use tool::{answer, output, run, stdout};
