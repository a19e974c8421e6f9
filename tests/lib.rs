//! What the tests share: files of Debian's archive, real files beside the repository, and
//! reference tools.

mod archive;
mod data;
mod roots;
mod token;
mod tool;

pub use archive::{Paragraph, cache, deb_tar, kernel_deb, mirror, package, package_file};
pub use data::shared_data;
pub use roots::debian_root;
pub use token::{Softhsm, asker, softhsm};
pub use tool::{answer, output, run, stdout};
