//! The initrd: the init program, the modules that find and map the images, and what they are
//! pinned to. One for every machine: nothing of the build machine is in it.
//!
//! | Path | Content |
//! |---|---|
//! | `init` | the init program, static |
//! | `release.json` | the manifest, with the root hash of every image |
//! | `boot.json` | how to start the release |
//! | `usr/lib/modules/<version>/` | modules, uncompressed, with their indexes |
//! | `usr/lib/firmware/` | firmware for these modules, when asked for |
//! | `lib` | link to `usr/lib`, where the kernel looks for firmware |
//! | `dev proc sys run sysroot` | empty, to be mounted over; `dev/console` for the first output |
//!
//! These are two newc archives, one behind the other, which the kernel unpacks as one (its
//! "initramfs buffer format"): first what every release with the same kernel has, then the three
//! files that pin this one. Each is in order of paths and one zstd frame, so that another command
//! line compresses a few hundred bytes. The kernel takes windows up to 128 MiB
//! (`lib/decompress_unzstd.c`); 8 MiB are used, because it keeps them in memory while it unpacks.

mod chosen;
mod modules;

use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZeroUsize;

use contract::esp;
use formats::cpio::{self, Entry, Kind, Writer};
use source::kept::Kept;

pub use chosen::ChosenModules;
pub use modules::{DEFAULT_MODULES, ModuleGroup};

/// Compression level when nothing else is asked for. Debian's 22 MB become 5.2 MB in 0.5 s of one
/// core's time; level 9 takes 0.9 s for 0.2 MB less, level 19 takes 16 s for 0.8 MB less. Firmware
/// reads a MB in 10 to 40 ms.
pub const DEFAULT_LEVEL: i32 = 6;

/// Largest distance back of a match: 2^23 bytes.
const WINDOW_LOG: u32 = 23;

/// What is compressed at a time, in bytes, each with what lies in the window before it. The number
/// of threads does not show in the output, these pieces do.
const PIECE: u32 = 4 << 20;

/// What the compressed first archive is kept as.
const KIND: &str = "initrd";

/// Directories that are mounted over.
const MOUNT_POINTS: [&str; 5] = ["dev", "proc", "run", "sys", "sysroot"];

/// What goes into an initrd.
#[derive(Clone, Copy, Debug)]
pub struct InitrdParts<'a> {
    /// The init program: a static executable.
    pub init: &'a [u8],
    /// The manifest's bytes, exactly as signed.
    pub manifest: &'a [u8],
    /// The bytes of [`contract::boot::Boot`].
    pub boot: &'a [u8],
    /// The kernel's version and the modules for it.
    pub modules: &'a ChosenModules,
    /// Firmware: path below `usr/lib/firmware` → bytes.
    pub firmware: &'a BTreeMap<String, Vec<u8>>,
    /// Modification time of what pins the release, seconds since 1970.
    pub mtime: u32,
}

/// Why an initrd was not made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The init program would not run alone.
    #[error(
        "the init program is no ELF executable for this purpose: {problem}; a static one is needed"
    )]
    Init {
        /// What is wrong.
        problem: &'static str,
    },
    /// A file cannot be put into the archive.
    #[error("the initrd's archive cannot be written")]
    Archive(#[from] cpio::Error),
    /// Compression failed.
    #[error("the initrd cannot be compressed at level {level}")]
    Compress {
        /// zstd's level.
        level: i32,
        /// What zstd said.
        source: std::io::Error,
    },
}

/// An initrd, compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initrd {
    /// For the UKI's `.initrd` section.
    pub bytes: Vec<u8>,
    /// Size of the archives before compression, in bytes.
    pub uncompressed_size: u64,
}

impl Initrd {
    /// Puts the archives together and compresses them at `level` (1 to 19 make sense;
    /// [`DEFAULT_LEVEL`]). The first is kept, where there is a place for that.
    pub fn build(
        parts: &InitrdParts<'_>,
        level: i32,
        kept: Option<&dyn Kept>,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Compress { level, source };
        let common = common(parts)?;
        let inputs = [&common[..], &level.to_le_bytes()];
        let mut bytes = match kept.and_then(|kept| kept.find(KIND, &inputs)) {
            Some(bytes) => bytes,
            None => {
                let bytes = compress(&common, level).map_err(failed)?;
                if let Some(kept) = kept {
                    kept.keep(KIND, &inputs, &bytes);
                }
                bytes
            }
        };
        let own = own(parts)?;
        bytes.extend(compress(&own, level).map_err(failed)?);
        Ok(Self {
            bytes,
            uncompressed_size: (common.len() + own.len()) as u64,
        })
    }
}

/// What releases with the same kernel have in common, before compression.
fn common(parts: &InitrdParts<'_>) -> Result<Vec<u8>, Error> {
    check_init(parts.init)?;
    let modules = format!("usr/lib/modules/{}", parts.modules.version);
    let console = Kind::CharDevice { major: 5, minor: 1 };
    let mut files = Files::new();
    let mut add = |path: String, mode: u16, kind| files.insert(path, (mode, kind));
    for name in MOUNT_POINTS {
        add(name.to_owned(), 0o755, Kind::Directory);
    }
    add("dev/console".to_owned(), 0o600, console);
    add("lib".to_owned(), 0o777, Kind::Symlink(b"usr/lib"));
    add("init".to_owned(), 0o755, Kind::File(parts.init));
    for (path, bytes) in &parts.modules.files {
        add(format!("{modules}/{path}"), 0o644, Kind::File(bytes));
    }
    for (path, bytes) in parts.firmware {
        let path = format!("usr/lib/firmware/{path}");
        add(path, 0o644, Kind::File(bytes));
    }
    // The kernel makes no parents.
    let mut parents = Vec::new();
    for path in files.keys() {
        parents.extend(path.match_indices('/').map(|(at, _)| path[..at].to_owned()));
    }
    for parent in parents {
        files.entry(parent).or_insert((0o755, Kind::Directory));
    }
    // Of no date: another release's is no reason to compress it anew.
    archive(files, 0)
}

/// What pins this release, before compression.
fn own(parts: &InitrdParts<'_>) -> Result<Vec<u8>, Error> {
    let rows = [(esp::MANIFEST, parts.manifest), (esp::BOOT, parts.boot)];
    let files = rows.into_iter().map(|(name, bytes)| {
        let file = Kind::File(bytes);
        (name.to_owned(), (0o644, file))
    });
    archive(files.collect(), parts.mtime)
}

/// What cpio(1) reads at a time, in bytes: an archive that fills it up leaves the next one to the next
/// cpio.
const BLOCK: usize = 512;

/// Path → mode and what it is.
type Files<'a> = BTreeMap<String, (u16, Kind<'a>)>;

fn archive(files: Files<'_>, mtime: u32) -> Result<Vec<u8>, Error> {
    let mut writer = Writer::new(Vec::new());
    for (path, (mode, kind)) in files {
        writer.add(&Entry::root(path.as_bytes(), mode, mtime, kind))?;
    }
    let mut archive = writer.finish()?;
    archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    Ok(archive)
}

/// One zstd frame with the content's size and checksum, which the kernel verifies.
fn compress(archive: &[u8], level: i32) -> std::io::Result<Vec<u8>> {
    use zstd::zstd_safe::CParameter::{
        ChecksumFlag, ContentSizeFlag, JobSize, NbWorkers, OverlapSizeLog, WindowLog,
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut encoder = zstd::Encoder::new(Vec::new(), level)?;
    for parameter in [
        WindowLog(WINDOW_LOG),
        ContentSizeFlag(true),
        ChecksumFlag(true),
        NbWorkers(u32::try_from(threads).unwrap_or(1)),
        JobSize(PIECE),
        OverlapSizeLog(9),
    ] {
        encoder.set_parameter(parameter)?;
    }
    encoder.set_pledged_src_size(Some(archive.len() as u64))?;
    encoder.write_all(archive)?;
    encoder.finish()
}

/// PID 1 has no dynamic loader to find: `PT_INTERP` must not be there.
fn check_init(init: &[u8]) -> Result<(), Error> {
    let wrong = |problem| Err(Error::Init { problem });
    if !init.starts_with(b"\x7fELF\x02\x01") {
        return wrong("no 64-bit little-endian ELF file");
    }
    match needs_interpreter(init) {
        Some(false) => Ok(()),
        Some(true) => wrong("it asks for a dynamic loader"),
        None => wrong("its program headers lie past its end"),
    }
}

/// Walks the program headers (System V ABI, chapter 5).
fn needs_interpreter(elf: &[u8]) -> Option<bool> {
    const INTERPRETER: u32 = 3;
    let start = usize::try_from(u64::from_le_bytes(*elf.get(32..)?.first_chunk()?)).ok()?;
    let half = |at: usize| Some(u16::from_le_bytes(*elf.get(at..)?.first_chunk()?));
    let (size, count) = (usize::from(half(54)?), usize::from(half(56)?));
    for index in 0..count {
        let header = elf.get(start.checked_add(index * size)?..)?;
        if u32::from_le_bytes(*header.first_chunk()?) == INTERPRETER {
            return Some(true);
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// An ELF file with one program header of this type.
    fn program(kind: u8) -> Vec<u8> {
        let mut elf = vec![0; 64 + 56];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (elf[32], elf[54], elf[56], elf[64]) = (64, 56, 1, kind);
        elf
    }

    fn with_parts<T>(init: &[u8], test: impl Fn(&InitrdParts<'_>) -> T) -> T {
        let files = |path: &str| BTreeMap::from([(path.to_owned(), b"content".to_vec())]);
        let modules = ChosenModules {
            version: "6.12".to_owned(),
            files: files("kernel/a.ko"),
            firmware: Default::default(),
            missing: Vec::new(),
        };
        test(&InitrdParts {
            init,
            manifest: b"{}",
            boot: b"[]",
            modules: &modules,
            firmware: &files("x/y.bin"),
            mtime: 1_700_000_000,
        })
    }

    #[test]
    fn the_archives_are_in_order_with_every_directory() {
        let expected = "\
d0755 0:0 0 - dev
c0600 0:0 0 5,1 dev/console
-0755 0:0 0 120 init
l0777 0:0 0 -> usr/lib lib
d0755 0:0 0 - proc
d0755 0:0 0 - run
d0755 0:0 0 - sys
d0755 0:0 0 - sysroot
d0755 0:0 0 - usr
d0755 0:0 0 - usr/lib
d0755 0:0 0 - usr/lib/firmware
d0755 0:0 0 - usr/lib/firmware/x
-0644 0:0 0 7 usr/lib/firmware/x/y.bin
d0755 0:0 0 - usr/lib/modules
d0755 0:0 0 - usr/lib/modules/6.12
d0755 0:0 0 - usr/lib/modules/6.12/kernel
-0644 0:0 0 7 usr/lib/modules/6.12/kernel/a.ko
";
        let own_expected = "\
-0644 0:0 1700000000 2 boot.json
-0644 0:0 1700000000 2 release.json
";
        with_parts(&program(1), |parts| {
            assert_eq!(cpio::dump(&common(parts).unwrap()).unwrap(), expected);
            assert_eq!(cpio::dump(&own(parts).unwrap()).unwrap(), own_expected);
        });
    }

    /// Keeps one thing by its inputs, and counts.
    #[derive(Default)]
    struct One {
        kept: Mutex<(Vec<u8>, Vec<u8>)>,
        found: AtomicUsize,
    }

    impl One {
        fn found(&self) -> usize {
            self.found.load(Ordering::Relaxed)
        }
    }

    impl Kept for One {
        fn find(&self, _: &str, inputs: &[&[u8]]) -> Option<Vec<u8>> {
            let kept = self.kept.lock().unwrap();
            (kept.0 == inputs.concat()).then(|| {
                self.found.fetch_add(1, Ordering::Relaxed);
                kept.1.clone()
            })
        }

        fn keep(&self, _: &str, inputs: &[&[u8]], result: &[u8]) {
            *self.kept.lock().unwrap() = (inputs.concat(), result.to_vec());
        }
    }

    #[test]
    fn compression_gives_the_archives_back_and_the_same_bytes_again() {
        with_parts(&program(1), |parts| {
            let initrd = Initrd::build(parts, 3, None).unwrap();
            let unpacked = zstd::decode_all(&initrd.bytes[..]).unwrap();
            let archives = [common(parts).unwrap(), own(parts).unwrap()];
            assert_eq!(unpacked, archives.concat());
            assert_eq!(initrd.uncompressed_size, unpacked.len() as u64);
            let kept = One::default();
            for found in 0..2 {
                assert_eq!(Initrd::build(parts, 3, Some(&kept)).unwrap(), initrd);
                assert_eq!(kept.found(), found);
            }
            // Another release of the same kernel, and another level.
            let other = InitrdParts {
                manifest: b"{other}",
                mtime: 5,
                ..*parts
            };
            assert_ne!(Initrd::build(&other, 3, Some(&kept)).unwrap(), initrd);
            assert_eq!(kept.found(), 2);
            Initrd::build(parts, 4, Some(&kept)).unwrap();
            assert_eq!(kept.found(), 2);
        });
    }

    #[test]
    fn programs_that_cannot_be_pid_1_are_refused() {
        let cases = [
            (program(3), "dynamic loader"),
            (b"#!/bin/sh\n".to_vec(), "no 64-bit"),
            (program(1)[..60].to_vec(), "past its end"),
        ];
        for (init, expected) in cases {
            let error = with_parts(&init, |parts| common(parts).unwrap_err().to_string());
            assert!(error.contains(expected), "{error}");
        }
    }
}
