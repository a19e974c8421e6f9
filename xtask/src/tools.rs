//! What has to be on the machine, by Debian package, and installing what is missing.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;

use crate::process;

/// A program (or file) and the Debian package that brings it.
pub type Row = (&'static str, &'static str);

/// To boot a release.
pub const DEMO: &[Row] = &[
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "ovmf"),
];

/// To compare every artefact with the tools that others use, besides [`DEMO`].
pub const TEST: &[Row] = &[
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "ovmf"),
    ("sbverify", "sbsigntool"),
    ("veritysetup", "cryptsetup-bin"),
    ("unsquashfs", "squashfs-tools"),
    ("fsck.vfat", "dosfstools"),
    ("mdir", "mtools"),
    ("sgdisk", "gdisk"),
    ("sfdisk", "fdisk"),
    ("sig-list-to-certs", "efitools"),
    ("depmod", "kmod"),
    ("cpio", "cpio"),
    ("qemu-img", "qemu-utils"),
    ("swtpm", "swtpm"),
    ("objdump", "binutils"),
    ("openssl", "openssl"),
    ("strace", "strace"),
    ("getfattr", "attr"),
    ("setcap", "libcap2-bin"),
    ("curl", "curl"),
    ("xz", "xz-utils"),
    ("zstd", "zstd"),
    ("setpriv", "util-linux"),
    ("ssh", "openssh-client"),
    ("losetup", "mount"),
    ("mkfs.ext4", "e2fsprogs"),
    ("mkfs.xfs", "xfsprogs"),
    ("script", "bsdutils"),
    ("gpgv", "gpgv"),
    ("/etc/ssl/certs/ca-certificates.crt", "ca-certificates"),
    ("dpkg-deb", "dpkg"),
    ("mmdebstrap", "mmdebstrap"),
    ("umoci", "umoci"),
    ("skopeo", "skopeo"),
    ("buildah", "buildah"),
    ("docker-registry", "docker-registry"),
    ("softhsm2-util", "softhsm2"),
    ("/lib/systemd/systemd-measure", "systemd"),
    // By which systemd-measure talks to a TPM.
    (
        "/usr/lib/x86_64-linux-gnu/libtss2-esys.so.0",
        "libtss2-esys-3.0.2-0",
    ),
    ("/usr/lib/x86_64-linux-gnu/libtss2-rc.so.0", "libtss2-rc0"),
    ("/usr/lib/x86_64-linux-gnu/libtss2-mu.so.0", "libtss2-mu0"),
    (
        "/usr/lib/x86_64-linux-gnu/libtss2-tcti-swtpm.so.0",
        "libtss2-tcti-swtpm0",
    ),
    ("/usr/lib/python3/dist-packages/pefile.py", "python3-pefile"),
    ("pesign", "pesign"),
    ("osslsigncode", "osslsigncode"),
    ("sbsign", "sbsigntool"),
    ("pkcs11-tool", "opensc"),
    ("zbarimg", "zbar-tools"),
    ("rsvg-convert", "librsvg2-bin"),
    ("/usr/lib/x86_64-linux-gnu/pkcs11-spy.so", "opensc-pkcs11"),
];

/// How often packages are installed: one that comes can push out another that was there.
const ROUNDS: usize = 3;

/// Installs the packages of the rows whose program is not there.
pub fn install(rows: &[Row]) -> anyhow::Result<()> {
    for round in 0..ROUNDS {
        let missing = missing(rows);
        if missing.is_empty() {
            return Ok(());
        }
        if find("apt-get").is_none() {
            bail!(
                "these Debian packages are needed, and there is no apt-get: {}",
                missing.join(" ")
            );
        }
        println!("installing {}", missing.join(" "));
        if round == 0 {
            apt(&["-q", "update"])?;
        }
        apt(&[
            &["-q", "-y", "--no-install-recommends", "install"][..],
            &missing,
        ]
        .concat())?;
    }
    match rows.iter().find(|(name, _)| find(name).is_none()) {
        None => Ok(()),
        Some((name, package)) => bail!("{package} was installed, and {name} is still not there"),
    }
}

/// The packages of the rows whose program is not there.
fn missing(rows: &[Row]) -> Vec<&'static str> {
    rows.iter()
        .filter(|(name, _)| find(name).is_none())
        .map(|(_, package)| *package)
        .collect()
}

fn apt(arguments: &[&str]) -> anyhow::Result<()> {
    let root = Command::new("id")
        .arg("-u")
        .output()?
        .stdout
        .starts_with(b"0\n");
    let mut command = if root {
        Command::new("apt-get")
    } else {
        Command::new("sudo")
    };
    if !root {
        command.arg("apt-get");
    }
    process::run(
        command
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

/// A program on PATH or in the folders for root's programs, or a file by its whole path.
fn find(name: &str) -> Option<PathBuf> {
    if name.starts_with('/') {
        return Path::new(name).exists().then(|| PathBuf::from(name));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let extra = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(extra)
        .map(|dir| dir.join(name))
        .find(|p| p.is_file())
}
