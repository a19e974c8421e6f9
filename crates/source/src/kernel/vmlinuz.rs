//! What a kernel image (`vmlinuz`) says about itself.
//!
//! It must be a PE file with an EFI stub, because systemd-stub starts it as one: PE/COFF
//! specification, sections 2 to 4 (<https://learn.microsoft.com/windows/win32/debug/pe-format>). An x86
//! image is a bzImage at the same time and carries its version: "The Linux/x86 Boot Protocol",
//! "The Real-Mode Kernel Header" (<https://docs.kernel.org/arch/x86/boot.html>).

/// Offset of the PE header's offset, in bytes.
const PE_OFFSET: usize = 0x3c;
/// Offset of `Subsystem` behind the PE signature and the COFF header, in bytes.
const SUBSYSTEM: usize = 4 + 20 + 68;
/// `IMAGE_SUBSYSTEM_EFI_APPLICATION`.
const EFI_APPLICATION: u16 = 10;
/// Offset of bzImage's `header`, which is `HdrS`.
const HEADER: usize = 0x202;
/// Offset of bzImage's `kernel_version`: where the version string is, less 0x200.
const VERSION: usize = 0x20e;
/// More than any version string has.
const VERSION_LIMIT: usize = 512;

/// Why a kernel image cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ImageProblem {
    /// Not a PE file.
    #[error(
        "it is no PE file (no `MZ` at its start or no `PE` header), so firmware cannot start it; \
         a kernel with CONFIG_EFI_STUB=y is needed"
    )]
    NotPe,
    /// A PE file for something else than EFI.
    #[error(
        "it is a PE file of subsystem {found}; 10 (EFI application) is needed; \
         a kernel with CONFIG_EFI_STUB=y has it"
    )]
    NotEfi {
        /// `Subsystem`.
        found: u16,
    },
    /// It says that it is another kernel.
    #[error("it says that it is Linux {found}, so the modules of {expected} would not load")]
    Version {
        /// From its header.
        found: String,
        /// From the files' names.
        expected: String,
    },
}

/// Checks that firmware can start the image and that it is the kernel of that version. An image
/// that is no bzImage (another architecture) carries no version to compare.
pub(super) fn check(image: &[u8], version: &str) -> Result<(), ImageProblem> {
    let subsystem = subsystem(image).ok_or(ImageProblem::NotPe)?;
    if subsystem != EFI_APPLICATION {
        return Err(ImageProblem::NotEfi { found: subsystem });
    }
    match self::version(image) {
        Some(found) if found != version => Err(ImageProblem::Version {
            found,
            expected: version.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// The version in a bzImage's header: what `uname -r` will print.
pub fn version(image: &[u8]) -> Option<String> {
    if image.get(HEADER..)?.get(..4)? != b"HdrS" {
        return None;
    }
    let start = usize::from(half(image, VERSION)?).checked_add(0x200)?;
    let text = image.get(start..)?;
    let text = text.get(..VERSION_LIMIT).unwrap_or(text);
    let end = text.iter().position(|byte| matches!(byte, 0 | b' '))?;
    let version = std::str::from_utf8(text.get(..end)?).ok()?;
    Some(version.to_owned())
}

fn subsystem(image: &[u8]) -> Option<u16> {
    if !image.starts_with(b"MZ") {
        return None;
    }
    let at = image.get(PE_OFFSET..)?.first_chunk::<4>()?;
    let at = usize::try_from(u32::from_le_bytes(*at)).ok()?;
    if image.get(at..)?.get(..4)? != b"PE\0\0" {
        return None;
    }
    half(image, at.checked_add(SUBSYSTEM)?)
}

fn half(image: &[u8], at: usize) -> Option<u16> {
    let half = image.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_le_bytes(*half))
}

/// A file that passes [`check`] and does nothing.
#[cfg(test)]
pub(super) fn example(version: &str) -> Vec<u8> {
    let mut image = vec![0; 0x400];
    let parts: [(usize, &[u8]); 6] = [
        (0, b"MZ"),
        (PE_OFFSET, b"\x40"),
        (0x40, b"PE\0\0"),
        (0x40 + SUBSYSTEM, &[10]),
        (HEADER, b"HdrS"),
        (VERSION, &[0, 1]),
    ];
    for (at, bytes) in parts {
        image[at..at + bytes.len()].copy_from_slice(bytes);
    }
    let text = format!("{version} (someone@example.org) #1");
    image[0x300..0x300 + text.len()].copy_from_slice(text.as_bytes());
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_known_by_its_headers() {
        let image = example("6.12.1-amd64");
        assert_eq!(version(&image).as_deref(), Some("6.12.1-amd64"));
        assert_eq!(check(&image, "6.12.1-amd64"), Ok(()));

        type Break = fn(&mut Vec<u8>);
        let cases: &[(&str, Break)] = &[
            ("no PE file", |i| i[0] = 0),
            ("no PE file", |i| i[0x40] = 0),
            ("no PE file", |i| i[0x3f] = 0xff),
            ("subsystem 3", |i| i[0x40 + SUBSYSTEM] = 3),
            ("Linux 7.12.1-amd64", |i| i[0x300] = b'7'),
        ];
        for (expected, change) in cases {
            let mut image = image.clone();
            change(&mut image);
            let error = check(&image, "6.12.1-amd64").unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }

    #[test]
    fn cut_images_never_panic() {
        let image = example("6");
        for length in 0..image.len() {
            let _ = check(&image[..length], "6");
        }
    }
}
