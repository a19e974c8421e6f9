//! What is measured with: made once and kept in `target/bench`, of Debian's packages or of numbers
//! that are the same everywhere.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::peers::{ROOTS, UMOCI};
use super::{Bench, measure};
use crate::{process, tools};

/// Debian's primary mirror; `SEALBOOT_TEST_MIRROR` names another, as for the tests.
const MIRROR: &str = "http://deb.debian.org/debian";

/// The release that inputs are made of: its modules are not compressed, so that a squashfs of them
/// has something to do.
const SUITE: &str = "bookworm";

/// The release with tools that the other does not have.
const TOOLS_SUITE: &str = "trixie";

/// A server's userland with what one builds programs with: 1.3 GB.
const USERLAND: &str = "systemd-sysv,udev,openssh-server,build-essential,git,python3,perl,vim,\
                        default-jdk-headless,clang,nodejs";

impl Bench {
    /// Something that is made once.
    fn once(
        &self,
        name: &str,
        make: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<PathBuf> {
        once_in(&self.inputs, name, make)
    }

    /// Bytes or files of a full run; a hundredth of it for a quick one.
    pub fn scaled(&self, full: u64) -> u64 {
        if self.quick { full / 100 } else { full }
    }

    /// A file that nothing can compress.
    pub fn random(&self, name: &str, size: u64) -> anyhow::Result<PathBuf> {
        self.once(name, |path| Ok(fill(path, size, 0xff)?))
    }

    /// A folder of files of up to 1 MiB that shrink to about a half, with an init.
    pub fn folder(&self, name: &str, size: u64) -> anyhow::Result<PathBuf> {
        self.once(name, |path| {
            fs::create_dir_all(path.join("sbin"))?;
            let init = path.join("sbin/init");
            fs::write(&init, "#!/bin/sh\n")?;
            fs::set_permissions(&init, fs::Permissions::from_mode(0o755))?;
            let (mut left, mut number) = (size, 0);
            while left > 0 {
                let folder = path.join(format!("data/{}", number / 256));
                fs::create_dir_all(&folder)?;
                let now = left.min(1 << 20);
                // Three bits of eight: 8 GB of it fit into the largest file of a boot partition.
                fill(&folder.join(number.to_string()), now, 0x07)?;
                (left, number) = (left - now, number + 1);
            }
            Ok(())
        })
    }

    /// A tar of so many small files, 256 in a folder.
    pub fn tar_of(&self, files: u64) -> anyhow::Result<PathBuf> {
        self.once(&format!("files-{files}.tar"), |path| {
            let mut out = BufWriter::new(File::create(path)?);
            for number in 0..files {
                let name = format!("d{}/f{number}", number / 256);
                let mut content = [0; 512];
                let text = format!("file {number} of {files}\n");
                content[..text.len()].copy_from_slice(text.as_bytes());
                out.write_all(&tar_header(&name, text.len()))?;
                out.write_all(&content)?;
            }
            out.write_all(&[0; 1024])?;
            out.flush()?;
            Ok(())
        })
    }

    /// A root of a Debian release, with these packages, as a folder or a tar.
    fn debian(&self, name: &str, suite: &str, packages: &str) -> anyhow::Result<PathBuf> {
        once_in(&self.roots, name, |path| {
            tools::install(ROOTS)?;
            let mirror = std::env::var("SEALBOOT_TEST_MIRROR");
            let mut make = Command::new("mmdebstrap");
            make.args(["--quiet", "--variant=minbase", "--include"])
                .arg(packages)
                .arg(format!(
                    "--format={}",
                    if name.ends_with(".tar") {
                        "tar"
                    } else {
                        "directory"
                    }
                ))
                .arg(suite)
                .arg(path)
                .arg(mirror.unwrap_or_else(|_| MIRROR.to_owned()));
            process::run(&mut make)
        })
    }

    /// A root with a kernel and initramfs-tools.
    pub fn initramfs_root(&self) -> anyhow::Result<PathBuf> {
        self.debian(
            "root-initramfs",
            SUITE,
            "linux-image-amd64,initramfs-tools,zstd",
        )
    }

    /// A root with a kernel and dracut.
    pub fn dracut_root(&self) -> anyhow::Result<PathBuf> {
        self.debian("root-dracut", SUITE, "linux-image-amd64,dracut,zstd")
    }

    /// A root with tools of a later release.
    pub fn tools_root(&self) -> anyhow::Result<PathBuf> {
        let packages = "systemd-ukify,systemd-repart,systemd-boot-efi,sbsigntool,dosfstools,mtools";
        self.debian("root-tools", TOOLS_SUITE, packages)
    }

    /// `boot/vmlinuz-…`, `boot/config-…` and `usr/lib/modules/…` of Debian's kernel; and its version.
    pub fn kernel(&self) -> anyhow::Result<(PathBuf, String)> {
        let root = self.initramfs_root()?;
        let folder = once_in(&self.roots, "kernel", |path| {
            fs::create_dir_all(path.join("usr/lib"))?;
            let copy = "mkdir boot && cp -a \"$1\"/boot/vmlinuz-* \"$1\"/boot/config-* boot/ \
                        && cp -a \"$1/usr/lib/modules\" usr/lib/";
            let mut shell = Command::new("sh");
            shell.args(["-ec", copy, "sh"]).arg(&root).current_dir(path);
            process::run(&mut shell)
        })?;
        let modules = fs::read_dir(folder.join("usr/lib/modules"))?.next();
        let modules = modules.context("the kernel has no modules")??;
        let version = modules.file_name().to_string_lossy().into_owned();
        Ok((folder, version))
    }

    /// A tree of kernel modules: a folder, and a tar of it.
    pub fn modules(&self) -> anyhow::Result<(PathBuf, PathBuf)> {
        let folder = match self.quick {
            true => self.folder("modules", 4 << 20)?,
            false => self.kernel()?.0.join("usr/lib/modules"),
        };
        let tar = self.tar("modules.tar", &folder)?;
        Ok((folder, tar))
    }

    /// A root: a folder, and a tar of it.
    pub fn root(&self) -> anyhow::Result<(PathBuf, PathBuf)> {
        if self.quick {
            let folder = self.folder("root", 12 << 20)?;
            let tar = self.tar("root.tar", &folder)?;
            return Ok((folder, tar));
        }
        let tar = self.debian("root.tar", SUITE, USERLAND)?;
        let folder = self.once("root", |path| {
            fs::create_dir(path)?;
            let mut unpack = Command::new("tar");
            unpack.args(["--extract", "--numeric-owner", "--xattrs", "--file"]);
            process::run(unpack.arg(&tar).arg("--directory").arg(path))
        })?;
        Ok((folder, tar))
    }

    fn tar(&self, name: &str, folder: &Path) -> anyhow::Result<PathBuf> {
        self.once(name, |path| {
            let mut pack = Command::new("tar");
            pack.args(["--create", "--numeric-owner", "--sort=name", "--file"]);
            process::run(pack.arg(path).arg("--directory").arg(folder).arg("."))
        })
    }

    /// The root as a container image in an archive, in three layers.
    pub fn container(&self) -> anyhow::Result<PathBuf> {
        let (folder, _) = self.root()?;
        self.once("image.tar", |path| {
            tools::install(UMOCI)?;
            let layout = self.work.join("layout");
            measure::remove(&layout)?;
            let make = "umoci init --layout \"$1\"
                umoci new --image \"$1:root\"
                add() { tar --create --numeric-owner --file layer.tar --directory \"$root\" \"$@\"
                    umoci raw add-layer --image \"$layout:root\" layer.tar; }
                layout=$1 root=$2
                lib=$(cd \"$root\" && ls -d usr/lib data 2> /dev/null | head -n 1)
                add --exclude=./$lib .
                half=$(ls \"$root/$lib\" | wc -l) half=$((half / 2))
                (cd \"$root\" && find $lib -mindepth 1 -maxdepth 1) | sort > all
                head -n $half all > first; tail -n +$((half + 1)) all > second
                add --no-recursion $lib --recursion --files-from \"$PWD/first\"
                add --files-from \"$PWD/second\"
                tar --create --file \"$3\" --directory \"$layout\" .
                rm -r layer.tar all first second \"$layout\"";
            let mut shell = Command::new("sh");
            shell
                .args(["-ec", make, "sh"])
                .arg(&layout)
                .arg(&folder)
                .arg(path);
            process::run(shell.current_dir(&self.work))
        })
    }

    /// The owner's keys.
    pub fn keys(&self) -> anyhow::Result<PathBuf> {
        self.once("keys", |path| {
            let mut create = Command::new(&self.sealboot);
            create.args(["keys", "create", "--no-passphrase", "--json", "--keys"]);
            create.stdout(std::process::Stdio::null());
            process::run(create.arg(path))
        })
    }
}

/// Something of a folder that is made once. What is half made has another name.
fn once_in(
    folder: &Path,
    name: &str,
    make: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    if !path.exists() {
        println!("  making {}", path.display());
        let part = folder.join(format!("{name}.part"));
        measure::remove(&part)?;
        make(&part).with_context(|| format!("the input {name} cannot be made"))?;
        fs::rename(&part, &path)?;
    }
    Ok(path)
}

/// Reads a file once, so that it is in memory.
pub fn warm(path: &Path) -> anyhow::Result<()> {
    std::io::copy(&mut File::open(path)?, &mut std::io::sink())?;
    Ok(())
}

/// Writes numbers that follow from the file's name and that nobody can guess (xorshift64*), all but
/// `mask` of each byte taken away.
pub fn fill(path: &Path, size: u64, mask: u8) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let seed = name.bytes().fold(0x9e37_79b9_7f4a_7c15_u64, |seed, byte| {
        (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut state = seed | 1;
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mask = u64::from_ne_bytes([mask; 8]);
    let mut left = size;
    while left > 0 {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let bytes = (state.wrapping_mul(0x2545_f491_4f6c_dd1d) & mask).to_le_bytes();
        let now = left.min(8);
        out.write_all(&bytes[..now as usize])?;
        left -= now;
    }
    out.flush()
}

/// A header of the oldest tar there is, which everything reads: a file of root's, mode 644.
fn tar_header(name: &str, size: usize) -> [u8; 512] {
    let mut header = [0; 512];
    let mut put =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, "14000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_numbers_every_time() {
        let folder = std::env::temp_dir().join(format!("xtask-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let made = |name: &str, size, mask| {
            let path = folder.join(name);
            fill(&path, size, mask).unwrap();
            fs::read(path).unwrap()
        };
        let first = made("a", 1001, 0xff);
        assert_eq!(first.len(), 1001);
        assert_eq!(first, made("a", 1001, 0xff));
        assert_ne!(first, made("b", 1001, 0xff));
        assert!(made("a", 99, 0x1f).iter().all(|byte| *byte < 0x20));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_tar_header_has_its_sum() {
        let header = tar_header("d0/f1", 7);
        let said = std::str::from_utf8(&header[148..154]).unwrap();
        let mut blank = header;
        blank[148..156].fill(b' ');
        let sum: u32 = blank.iter().map(|byte| u32::from(*byte)).sum();
        assert_eq!(u32::from_str_radix(said, 8), Ok(sum));
        assert_eq!(&header[..6], b"d0/f1\0");
    }
}
