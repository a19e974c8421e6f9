//! On-disk structures and type GUIDs.

use uguid::{Guid, guid};
use zerocopy::byteorder::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// `EFI_CERT_X509_GUID`: the data is a certificate, DER.
pub const CERT_X509: Guid = guid!("a5c059a1-94e4-4aa7-87b5-ab155c2bf072");
/// `EFI_CERT_SHA256_GUID`: the data is a hash.
pub const CERT_SHA256: Guid = guid!("c1c41626-504c-4092-aca9-41f936934328");
/// `EFI_CERT_X509_SHA256_GUID`: the data is the SHA-256 of a certificate's TBSCertificate, then the time
/// from which on it counts as revoked, an EFI_TIME; zeros are: always (section 32.4.1).
pub const CERT_X509_SHA256: Guid = guid!("3bd2a492-96c0-4079-b420-fcf98ef103ed");
/// `EFI_CERT_TYPE_PKCS7_GUID`: how a variable is signed.
pub(crate) const CERT_TYPE_PKCS7: Guid = guid!("4aafd29d-68df-49ee-8aa9-347d375665a7");

/// `WIN_CERTIFICATE.wRevision`.
pub(super) const WIN_CERT_REVISION: u16 = 0x0200;
/// `WIN_CERT_TYPE_EFI_GUID`.
pub(super) const WIN_CERT_TYPE_EFI_GUID: u16 = 0x0ef1;

/// Bytes of a GUID.
pub(super) const GUID_SIZE: usize = 16;

/// EFI_SIGNATURE_LIST. The signature header and the signatures follow.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct ListHeader {
    pub(super) signature_type: [u8; GUID_SIZE],
    /// Bytes of the whole list, this header included.
    pub(super) list_size: U32,
    /// Bytes of the signature header.
    pub(super) header_size: U32,
    /// Bytes of each signature, its owner included.
    pub(super) signature_size: U32,
}

/// EFI_TIME, then WIN_CERTIFICATE_UEFI_GUID. The PKCS#7 SignedData follows.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct AuthHeader {
    pub(super) time: [u8; 16],
    /// Bytes from this field to the end of the SignedData.
    pub(super) length: U32,
    pub(super) revision: U16,
    pub(super) certificate_type: U16,
    pub(super) cert_type: [u8; GUID_SIZE],
}

/// EFI_TIME (section 8.3).
#[cfg(feature = "build")]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct EfiTime {
    pub(super) year: U16,
    pub(super) month: u8,
    pub(super) day: u8,
    pub(super) hour: u8,
    pub(super) minute: u8,
    pub(super) second: u8,
    pub(super) pad_1: u8,
    pub(super) nanosecond: U32,
    /// Minutes from UTC.
    pub(super) time_zone: U16,
    pub(super) daylight: u8,
    pub(super) pad_2: u8,
}
