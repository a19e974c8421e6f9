//! Why a file could not be looked at.

use std::io;

/// Why a file, or a part of it, could not be read as what it should be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system does not give its bytes.
    #[error("{what} cannot be read")]
    Read {
        /// The file.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// Signature lists that nothing can be verified with.
    #[error("{0} lists no certificate with an RSA key")]
    NoCertificate(String),
    /// No list of generations.
    #[error("{0:?} is not a line of an SBAT level, such as \"shim,4\" after \"sbat,1,2024010900\"")]
    SbatLevel(String),
    /// Nothing that has bytes of its own.
    #[error("{what} is {found}; a file or a disk is needed")]
    NotAFile {
        /// Its path.
        what: String,
        /// What it is: `a pipe`.
        found: &'static str,
    },
    /// There is no such file.
    #[error("{0} is missing")]
    Missing(String),
    /// Longer than anything of its kind.
    #[error("{what} has {size} bytes; at most {limit} are read here")]
    TooLong {
        /// The file.
        what: String,
        /// In bytes.
        size: u64,
        /// In bytes.
        limit: u64,
    },
    /// A file without bytes.
    #[error("{0} is empty: it has no bytes")]
    Empty(String),
    /// A folder without anything that a build writes.
    #[error("{what} holds no release: {problem}")]
    NotARelease {
        /// The folder.
        what: String,
        /// What is missing.
        problem: &'static str,
    },
    /// No format that is known here.
    #[error(
        "{what} is none of the formats known here (it starts with {start}): UKI, PE image, \
         squashfs image, disk image, release folder, manifest, PKCS#7 signature, certificate, \
         EFI signature list, signed EFI variable"
    )]
    Unknown {
        /// The file.
        what: String,
        /// Its first bytes, escaped.
        start: String,
    },
    /// No format whose fields are known here.
    #[error(
        "{what} is none of the formats whose fields are known here (it starts with {start}): PE \
         image, squashfs image, dm-verity superblock, disk image, FAT32 volume, initrd, PKCS#7 \
         signature, certificate, EFI signature list, signed EFI variable, boot entry, variable \
         store; 'sealboot inspect' without --fields knows manifests and folders, too"
    )]
    NoFields {
        /// The file.
        what: String,
        /// Its first bytes, escaped.
        start: String,
    },
    /// Firmware would refuse it.
    #[error("no certificate of db verifies a signature of {0}: firmware does not start it")]
    NotStarted(String),
    /// The initrd cannot be looked into.
    #[error("the initrd of {what}: {problem}")]
    Initrd {
        /// The UKI.
        what: String,
        /// What is wrong.
        problem: String,
    },
    /// A disk without a boot partition.
    #[error("{0} has no EFI system partition")]
    NoBootPartition(String),
    /// A certificate that cannot be taken.
    #[error("{0} holds no certificate: PEM or DER is needed")]
    NotACertificate(String),
    /// Not a PE image.
    #[error(transparent)]
    Pe(#[from] formats::pe::Error),
    /// Not a signed PE image.
    #[error(transparent)]
    Authenticode(#[from] formats::authenticode::Error),
    /// Not a signature.
    #[error(transparent)]
    Pkcs7(#[from] formats::pkcs7::Error),
    /// Not a squashfs.
    #[error(transparent)]
    Squashfs(#[from] formats::squashfs::ReadError),
    /// Not a hash tree.
    #[error(transparent)]
    Verity(#[from] formats::verity::Error),
    /// Not a partition table.
    #[error(transparent)]
    Gpt(#[from] formats::gpt::Error),
    /// Not a FAT volume.
    #[error(transparent)]
    Fat(#[from] formats::fat::Error),
    /// Not an EFI signature list or signed variable.
    #[error(transparent)]
    SignatureList(#[from] formats::efi_signature_list::Error),
    /// Not a manifest.
    #[error(transparent)]
    Manifest(#[from] contract::manifest::Error),
    /// Not boot settings.
    #[error(transparent)]
    Boot(#[from] contract::boot::Error),
    /// A bill of materials.
    #[error("{what} is no bill of materials as sealboot writes it (SPDX 2.3, JSON)")]
    Bill {
        /// The file.
        what: String,
        /// Why.
        source: serde_json::Error,
    },
}
