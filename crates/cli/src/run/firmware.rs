//! Where distributions keep OVMF with Secure Boot and SMM: one row a place.

use std::path::{Path, PathBuf};

/// Firmware code and a blank variable store for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Firmware {
    /// Read-only flash.
    pub code: PathBuf,
    /// Blank variable store that goes with the code.
    pub variables: PathBuf,
}

/// Code, blank variables; the first pair that exists is taken.
const PLACES: &[(&str, &str)] = &[
    // Debian, Ubuntu
    (
        "usr/share/OVMF/OVMF_CODE_4M.secboot.fd",
        "usr/share/OVMF/OVMF_VARS_4M.fd",
    ),
    // Fedora, RHEL
    (
        "usr/share/edk2/ovmf/OVMF_CODE.secboot.fd",
        "usr/share/edk2/ovmf/OVMF_VARS.fd",
    ),
    // Arch
    (
        "usr/share/edk2/x64/OVMF_CODE.secboot.4m.fd",
        "usr/share/edk2/x64/OVMF_VARS.4m.fd",
    ),
    // openSUSE
    (
        "usr/share/qemu/ovmf-x86_64-smm-code.bin",
        "usr/share/qemu/ovmf-x86_64-smm-vars.bin",
    ),
    // Debian before 12
    (
        "usr/share/OVMF/OVMF_CODE.secboot.fd",
        "usr/share/OVMF/OVMF_VARS.fd",
    ),
];

/// The firmware under `root` (`/` but in tests).
pub fn find(root: &Path) -> Option<Firmware> {
    PLACES
        .iter()
        .map(|(code, variables)| Firmware {
            code: root.join(code),
            variables: root.join(variables),
        })
        .find(|firmware| firmware.code.is_file() && firmware.variables.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_without_its_variables_does_not_count() {
        let root = tempfile::tempdir().unwrap();
        for (code, _) in &PLACES[..2] {
            let path = root.path().join(code);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        assert_eq!(find(root.path()), None);
        std::fs::write(root.path().join(PLACES[1].1), "").unwrap();
        assert_eq!(
            find(root.path()).unwrap().code,
            root.path().join(PLACES[1].0)
        );
    }
}
