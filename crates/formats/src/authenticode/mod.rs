//! Authenticode: the signature of a PE image, as firmware checks it.
//!
//! Specification: Microsoft, "Windows Authenticode Portable Executable Signature Format" (2008),
//! and UEFI 2.10, section 32.2.4. Signing is three steps, so that who signs sees hashes only:
//! [`image_digest`] → [`to_be_signed`], signed elsewhere → [`assemble`] and [`append`].

mod certificate_table;
mod digest;
mod fields;
mod signature;

pub use certificate_table::{append, directory, entries, entry, signatures};
pub use digest::{ImageHasher, image_digest};
pub(crate) use fields::fields;
pub use signature::{assemble, signed_digest, to_be_signed};

/// Why an image cannot be hashed, signed or its signatures read. Offsets and sizes are in bytes.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a PE image.
    #[error(transparent)]
    Pe(#[from] crate::pe::Error),
    /// A signature is not the DER that it should be.
    #[error(transparent)]
    Pkcs7(#[from] crate::pkcs7::Error),
    /// The headers leave no place for a signature.
    #[error("the PE image has {0} data directories; at least 5 are needed for a signature")]
    NoDirectory(usize),
    /// `SizeOfHeaders` ends before the headers do.
    #[error(
        "the PE image says that its headers end at {size_of_headers:#x}, but they end at {end:#x}"
    )]
    HeadersTooShort {
        /// What the image says.
        size_of_headers: u64,
        /// Where its section table ends.
        end: u64,
    },
    /// Contents overlap or leave gaps, so verifiers would not agree on one digest.
    #[error(
        "the PE image's contents are not one after the other: the next part to hash is at \
         {start:#x}, {position:#x} was expected"
    )]
    NotContiguous {
        /// Where the part starts.
        start: u64,
        /// Where the one before it ended.
        position: u64,
    },
    /// The file ends before its last section does.
    #[error("the PE image ends at {size:#x}, before its contents do, at {end:#x}")]
    Truncated {
        /// Size of the file.
        size: u64,
        /// Where it should end at the earliest.
        end: u64,
    },
    /// The certificate table must be the last thing in the file.
    #[error(
        "the PE image's certificate table ends at {end:#x}, the file at {size:#x}; it must be the last thing in the file"
    )]
    TableNotLast {
        /// Where the table ends.
        end: u64,
        /// Size of the file.
        size: u64,
    },
    /// An entry of the certificate table is impossible.
    #[error(
        "the entry of the PE image's certificate table at {offset:#x} has length {length}, revision {revision:#06x} and type {kind:#06x}; one that fits, 0x0200 and 0x0002 are needed"
    )]
    Entry {
        /// Where it is in the file.
        offset: u64,
        /// Its length.
        length: u32,
        /// Its revision.
        revision: u16,
        /// Its type.
        kind: u16,
    },
    /// A signature may start at multiples of 8 only, and padding would change the digest.
    #[error("signing a PE image of {0} bytes: its size must be a multiple of 8")]
    Unaligned(u64),
    /// The image would not load any more.
    #[error("signing a PE image of {0} bytes: too large, EFI images end below 2 GiB")]
    TooLarge(u64),
}

#[cfg(test)]
mod tests;
