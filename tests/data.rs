//! Real files that are too large for this repository.

use std::path::{Path, PathBuf};

/// A file of the folder that `SEALBOOT_TEST_DATA` names, else of `shared/data` beside the folder
/// that this repository is in. Without it a test says that it tested nothing; in CI it fails.
pub fn shared_data(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SEALBOOT_TEST_DATA").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let path = folder.unwrap_or_else(beside).join(name);
    if path.exists() {
        return Some(path);
    }
    let message = format!(
        "{} is missing; set SEALBOOT_TEST_DATA to a folder with it",
        path.display()
    );
    assert!(std::env::var_os("CI").is_none(), "{message}");
    eprintln!("NOT TESTED: {message}");
    None
}
