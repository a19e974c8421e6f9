//! The unified kernel image: stub, kernel, initrd and command line in one signed file.
//!
//! Specification: UAPI Group, UKI,
//! <https://uapi-group.org/specifications/specs/unified_kernel_image/>.
//!
//! [`write`] does all of it, and reads and writes every byte once. For a signer elsewhere:
//! [`assemble`], [`digest`] and `formats::authenticode::to_be_signed` here, the signature there,
//! [`attach`] here again.

mod pcr;
mod write;

use std::io::{self, Cursor};

use formats::authenticode;
use formats::pe::format::{
    CNT_CODE, CNT_INITIALIZED_DATA, DLL_NX_COMPAT, MEM_READ, SUBSYSTEM_EFI_APPLICATION,
};
use formats::pe::{self, Data, Layout, NewSection, Pe};
use formats::uki::sbat;
pub use pcr::{PcrSigner, signatures};
use sha2::{Digest, Sha256};
use source::keys::{SignError, Signer, VerifyError, verify_image};
pub use write::write;

/// What a UKI is made of, besides the stub.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// os-release, as a boot menu shows it: `.osrel`.
    pub os_release: &'a str,
    /// Kernel command line, without a newline: `.cmdline`.
    pub cmdline: &'a str,
    /// Kernel version: `.uname`; empty when nothing says it, and there is no section then.
    pub uname: &'a str,
    /// SBAT lines of this UKI, after those of the stub and the kernel; starts with
    /// [`sbat::HEADER`], or is empty: `.sbat`.
    pub sbat: &'a str,
    /// Microcode, a cpio archive that is not compressed: `.ucode`.
    pub ucode: Option<&'a [u8]>,
    /// Initrd: `.initrd`. [`write`] can take it from a file.
    pub initrd: Data<'a>,
    /// Kernel, a PE image; not a byte of it is changed: `.linux`.
    pub linux: &'a [u8],
    /// Signs the states of PCR 11: `.pcrpkey` and `.pcrsig`.
    pub pcr: Option<PcrSigner<'a>>,
}

/// Why a UKI could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The stub is no PE image.
    #[error("the stub cannot be used")]
    Stub(#[source] pe::Error),
    /// The kernel is no PE image.
    #[error("the kernel cannot be used; one with an EFI stub (CONFIG_EFI_STUB) is needed")]
    Kernel(#[source] pe::Error),
    /// Stub and kernel are for other machines, or the stub is not one.
    #[error("the {what} is {found:#x}, {expected:#x} is needed")]
    Mismatch {
        /// Which field of which file.
        what: &'static str,
        /// What it is.
        found: u16,
        /// What it should be.
        expected: u16,
    },
    /// A text that the stub would cut off or the kernel misread.
    #[error("the {what} contains a {found}")]
    Text {
        /// Which text.
        what: &'static str,
        /// `NUL` or `newline`.
        found: &'static str,
    },
    /// The SBAT texts cannot be merged.
    #[error(transparent)]
    Sbat(#[from] sbat::Error),
    /// Sections could not be added.
    #[error("the stub cannot take the sections")]
    Sections(#[from] pe::EditError),
    /// The image could not be hashed or the signature not be stored.
    #[error(transparent)]
    Authenticode(#[from] authenticode::Error),
    /// A part of it cannot be read, or it cannot be written.
    #[error("the UKI cannot be written")]
    Write(#[source] io::Error),
    /// The signer gave no signature.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The signer's signature is wrong.
    #[error("the signature that was made for the UKI does not verify")]
    Verify(#[from] VerifyError),
}

/// SBAT of a UKI that says nothing of its own: the generation of the format.
pub const DEFAULT_SBAT: &str = "\
sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md
uki,1,UKI,uki,1,https://uapi-group.org/specifications/specs/unified_kernel_image/
";

/// The signed UKI.
pub fn build(stub: &[u8], parts: &Parts<'_>, signer: &dyn Signer) -> Result<Vec<u8>, Error> {
    let mut out = Cursor::new(Vec::new());
    write(stub, parts, Some(signer), &mut out, &mut |_| Ok(()))?;
    Ok(out.into_inner())
}

/// The UKI before it is signed; all of it is in memory.
pub fn assemble(stub: &[u8], parts: &Parts<'_>) -> Result<Vec<u8>, Error> {
    lay_out(stub, parts, None, |layout| {
        let missing = || Error::Write(io::ErrorKind::NotFound.into());
        layout.into_image().ok_or_else(missing)
    })
}

/// Decides where everything is, and hands that over. `initrd` is the SHA-256 of one that comes later, needed
/// where PCRs are signed.
fn lay_out<T>(
    stub: &[u8],
    parts: &Parts<'_>,
    initrd: Option<[u8; 32]>,
    then: impl FnOnce(Layout<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let stub_image = Pe::parse(stub).map_err(Error::Stub)?;
    let kernel = Pe::parse(parts.linux).map_err(Error::Kernel)?;
    check(&stub_image, &kernel, parts)?;

    let sbat_of = |pe: &Pe<'_>| {
        pe.section(".sbat")
            .map_or(Vec::new(), |s| pe.content(s).to_vec())
    };
    let sbat = sbat::merge(&[
        ("stub", &sbat_of(&stub_image)),
        ("kernel", &sbat_of(&kernel)),
        ("UKI", parts.sbat.as_bytes()),
    ])?;

    let data = CNT_INITIALIZED_DATA | MEM_READ;
    // Kernels that are started by the handover protocol run in place: their section is code.
    let code = CNT_CODE | MEM_READ;
    let uname = (!parts.uname.is_empty()).then_some(parts.uname.as_bytes());
    let key = parts.pcr.map(|pcr| pcr.key.public_pem()).transpose()?;
    let key = key.as_ref().map(|pem| Data::from(pem.as_bytes()));
    let rows: [(&str, Option<Data<'_>>, u32); 8] = [
        (".osrel", Some(parts.os_release.as_bytes().into()), data),
        (".cmdline", Some(parts.cmdline.as_bytes().into()), data),
        (".uname", uname.map(Data::from), data),
        (".sbat", Some(sbat.as_bytes().into()), data),
        (".ucode", parts.ucode.map(Data::from), data),
        (".initrd", Some(parts.initrd), data),
        (".pcrpkey", key, data),
        (".linux", Some(parts.linux.into()), code),
    ];
    let signatures = parts.pcr.map(|signer| {
        let digests: Vec<_> = (rows.iter())
            .filter_map(|(name, data, _)| match data.as_ref()? {
                Data::Bytes(bytes) => Some((*name, Sha256::digest(bytes).into())),
                Data::Later(_) => Some((*name, initrd?)),
            })
            .collect();
        pcr::signatures(pcr::state(&digests), &signer)
    });
    let signatures = signatures.transpose()?;
    let signatures = signatures.as_ref().map(|text| Data::from(text.as_bytes()));
    let sections: Vec<_> = (rows.into_iter())
        .chain([(".pcrsig", signatures, data)])
        .filter_map(|(name, data, characteristics)| {
            let data = data?;
            Some(NewSection {
                name,
                data,
                characteristics,
            })
        })
        .collect();
    // Firmware that enforces NX would kill a kernel that does not know of it: the promise of the
    // whole image is the kernel's.
    let kernel_flags = kernel.headers.optional.dll_characteristics.get();
    then(pe::lay_out(stub, &sections, !kernel_flags & DLL_NX_COMPAT)?)
}

/// What is signed: the Authenticode digest, SHA-256.
pub fn digest(unsigned: &[u8]) -> Result<[u8; 32], Error> {
    Ok(authenticode::image_digest(unsigned)?)
}

/// Signs an image and verifies the result.
pub fn sign(unsigned: Vec<u8>, signer: &dyn Signer) -> Result<Vec<u8>, Error> {
    let digest = digest(&unsigned)?;
    let signature = signer.sign(&authenticode::to_be_signed(&digest)?)?;
    store(unsigned, &digest, signer.certificate(), &signature)
}

/// Stores a signature that was made elsewhere over `to_be_signed` of [`digest`], and verifies
/// the result.
pub fn attach(unsigned: Vec<u8>, certificate: &[u8], signature: &[u8]) -> Result<Vec<u8>, Error> {
    let digest = digest(&unsigned)?;
    store(unsigned, &digest, certificate, signature)
}

fn store(
    unsigned: Vec<u8>,
    digest: &[u8; 32],
    certificate: &[u8],
    signature: &[u8],
) -> Result<Vec<u8>, Error> {
    let pkcs7 = authenticode::assemble(certificate, digest, signature)?;
    let mut image = unsigned;
    authenticode::append(&mut image, &pkcs7)?;
    verify_image(certificate, &image)?;
    Ok(image)
}

fn check(stub: &Pe<'_>, kernel: &Pe<'_>, parts: &Parts<'_>) -> Result<(), Error> {
    let (stub, kernel) = (&stub.headers, &kernel.headers);
    for (what, found, expected) in [
        (
            "stub's subsystem",
            stub.optional.subsystem.get(),
            SUBSYSTEM_EFI_APPLICATION,
        ),
        (
            "kernel's subsystem",
            kernel.optional.subsystem.get(),
            SUBSYSTEM_EFI_APPLICATION,
        ),
        (
            "kernel's machine type",
            kernel.coff.machine.get(),
            stub.coff.machine.get(),
        ),
    ] {
        if found != expected {
            return Err(Error::Mismatch {
                what,
                found,
                expected,
            });
        }
    }
    for (what, text, lines) in [
        ("os-release", parts.os_release, true),
        ("kernel command line", parts.cmdline, false),
        ("kernel version", parts.uname, false),
    ] {
        for (found, character) in [("NUL", '\0'), ("newline", '\n')] {
            if text.contains(character) && (character == '\0' || !lines) {
                return Err(Error::Text { what, found });
            }
        }
    }
    Ok(())
}
