//! Roots of other distributions, as tar files.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::archive::{cache, mirror};
use crate::tool::stdout;

/// A small Debian with systemd, made by mmdebstrap and kept.
pub fn debian_root(suite: &str) -> PathBuf {
    let file = cache().join(format!("{suite}-root.tar"));
    if !file.exists() {
        let folder = tempfile::tempdir_in(cache()).unwrap();
        let part = folder.path().join("root.tar");
        let mut make = Command::new("mmdebstrap");
        make.args([
            "--quiet",
            "--variant=minbase",
            "--include=systemd-sysv,udev,kmod",
        ]);
        stdout("mmdebstrap", make.arg(suite).arg(&part).arg(mirror()));
        fs::rename(&part, &file).unwrap();
    }
    file
}
