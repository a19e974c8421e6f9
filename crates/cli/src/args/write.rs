//! `sealboot write`: what, where to, and what was allowed beforehand.

use std::path::PathBuf;

use clap::Args;

/// What `sealboot write` does, for its help.
pub const AFTER_HELP: &str = "\
The target comes last, as with cp. What is there already has to be named once more, on the \
terminal or with --yes-erase: so an image is not overwritten when the target was forgotten.

A disk is written only when it is made to be taken away, large enough, and used by nobody. Its \
first MiB is cleared first and written last: when writing is interrupted, nothing boots from it, \
and the same command starts again. In the end all of it is read back and compared.

A file is replaced when the new one is complete. It keeps its size when that is larger than the \
image's. On a larger target the partition table is fitted to its size.";

/// `sealboot write`
#[derive(Args, Debug)]
pub struct Write {
    /// The disk image, unless it is out/disk.img; then the disk or file to write it to
    #[arg(value_name = "PATH", num_args = 1..=2, required_unless_present = "list")]
    pub paths: Vec<PathBuf>,
    /// List the disks of this machine, and why some of them would be refused
    #[arg(long, conflicts_with = "paths")]
    pub list: bool,
    /// Allow a disk that is not made to be taken away
    #[arg(long)]
    pub fixed_disk: bool,
    /// Overwrite the target of this name without asking: "sdb" for /dev/sdb, or a file's name
    #[arg(long, value_name = "NAME")]
    pub yes_erase: Option<String>,
    /// Print the plan and stop
    #[arg(long)]
    pub dry_run: bool,
}
