//! Time-based authenticated variables: EFI_VARIABLE_AUTHENTICATION_2 and what its signature
//! covers (UEFI 2.10, section 8.2.2).

use uguid::Guid;
use zerocopy::byteorder::little_endian::{U16, U32};
use zerocopy::{FromBytes, IntoBytes};

use super::Timestamp;
use super::format::{AuthHeader, CERT_TYPE_PKCS7, WIN_CERT_REVISION, WIN_CERT_TYPE_EFI_GUID};
use super::reader::Error;

/// Bytes of EFI_TIME, which `AuthHeader::length` does not count.
const TIME_SIZE: usize = 16;

/// A signed write of a variable: the content of an `.auth` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// Must be later than the variable's last write.
    pub time: Timestamp,
    /// PKCS#7 SignedData, DER, detached.
    pub signed_data: Vec<u8>,
    /// The variable's new value: signature lists, or nothing to delete it.
    pub data: Vec<u8>,
}

/// What is signed to write `data` to a variable: its name (UCS-2, no NUL at its end), vendor,
/// attributes, the time and the data.
pub fn to_be_signed(
    name: &str,
    vendor: Guid,
    attributes: u32,
    time: Timestamp,
    data: &[u8],
) -> Vec<u8> {
    let mut message: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    message.extend_from_slice(&vendor.to_bytes());
    message.extend_from_slice(&attributes.to_le_bytes());
    message.extend_from_slice(&time.to_bytes());
    message.extend_from_slice(data);
    message
}

/// An `.auth` file. `signed_data` is a SignedData without a ContentInfo around it.
pub fn assemble(time: Timestamp, signed_data: &[u8], data: &[u8]) -> Vec<u8> {
    let header = AuthHeader {
        time: time.to_bytes(),
        length: U32::new((size_of::<AuthHeader>() - TIME_SIZE + signed_data.len()) as u32),
        revision: U16::new(WIN_CERT_REVISION),
        certificate_type: U16::new(WIN_CERT_TYPE_EFI_GUID),
        cert_type: CERT_TYPE_PKCS7.to_bytes(),
    };
    [header.as_bytes(), signed_data, data].concat()
}

/// Reads an `.auth` file. The signature is not verified here.
pub fn read_auth(bytes: &[u8]) -> Result<Auth, Error> {
    const WHAT: &str = "signed EFI variable";
    let truncated = |needed| Error::Truncated {
        what: WHAT,
        offset: 0,
        found: bytes.len(),
        needed,
    };
    let (header, rest) =
        AuthHeader::read_from_prefix(bytes).map_err(|_| truncated(size_of::<AuthHeader>()))?;
    let cert_type = Guid::from_bytes(header.cert_type);
    let kinds = (
        header.revision.get(),
        header.certificate_type.get(),
        cert_type,
    );
    if kinds != (WIN_CERT_REVISION, WIN_CERT_TYPE_EFI_GUID, CERT_TYPE_PKCS7) {
        let (revision, certificate_type, cert_type) = kinds;
        return Err(Error::Value {
            what: "certificate's revision and type",
            found: format!("{revision:#06x}, {certificate_type:#06x}, {cert_type}"),
            expected: "0x0200, 0x0ef1, PKCS#7 (4aafd29d-68df-49ee-8aa9-347d375665a7)",
        });
    }
    // UEFI 2.10, section 8.2.2: these fields of the time are zero.
    let unused = header.time.get(7..).unwrap_or_default();
    if unused.iter().any(|byte| *byte != 0) {
        return Err(Error::Value {
            what: "time's fields behind the second",
            found: unused.escape_ascii().to_string(),
            expected: "zeros",
        });
    }
    let length = header.length.get() as usize;
    let size = length.checked_sub(size_of::<AuthHeader>() - TIME_SIZE);
    let (signed_data, data) = size
        .and_then(|size| rest.split_at_checked(size))
        .ok_or_else(|| truncated(TIME_SIZE.saturating_add(length)))?;
    Ok(Auth {
        time: Timestamp::from_bytes(header.time),
        signed_data: signed_data.to_vec(),
        data: data.to_vec(),
    })
}
