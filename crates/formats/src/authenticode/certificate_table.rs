//! The attribute certificate table: WIN_CERTIFICATE entries at the end of the file.

use der::Decode;
use der::asn1::AnyRef;
use zerocopy::byteorder::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::Error;
use crate::pe::format::{DIRECTORY_CERTIFICATES, DataDirectory};
use crate::pe::{Pe, set_checksum};

/// Entries start at multiples of this, in bytes.
pub(super) const ALIGNMENT: usize = 8;
/// `WIN_CERT_REVISION_2_0`.
pub(super) const REVISION: u16 = 0x0200;
/// `WIN_CERT_TYPE_PKCS_SIGNED_DATA`.
pub(super) const PKCS_SIGNED_DATA: u16 = 0x0002;

/// Header of an entry.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct WinCertificate {
    /// Bytes of this header and the certificate, without padding.
    pub(super) length: U32,
    pub(super) revision: U16,
    pub(super) certificate_type: U16,
}

/// Appends a signature after those that the image may have already, and sets the checksum.
pub fn append(image: &mut Vec<u8>, signature: &[u8]) -> Result<(), Error> {
    let size = image.len() as u64;
    let headers = Pe::parse(image)?.headers;
    let directory_offset = headers
        .directory_offset(DIRECTORY_CERTIFICATES)
        .ok_or(Error::NoDirectory(headers.directories.len()))?;
    let start = match headers.certificate_table() {
        Some(table) if table.end != size => {
            return Err(Error::TableNotLast {
                end: table.end,
                size,
            });
        }
        Some(table) => table.start,
        None => size,
    };

    image.extend_from_slice(&entry(signature, size)?);
    let directory = directory(start, image.len() as u64);
    let place = directory_offset..directory_offset + directory.len();
    if let Some(place) = image.get_mut(place) {
        place.copy_from_slice(&directory);
    }
    set_checksum(image)?;
    Ok(())
}

/// A signature as an entry of the table that is at `offset` in the file, with its padding.
pub fn entry(signature: &[u8], offset: u64) -> Result<Vec<u8>, Error> {
    if !offset.is_multiple_of(ALIGNMENT as u64) {
        return Err(Error::Unaligned(offset));
    }
    let length = size_of::<WinCertificate>() + signature.len();
    let padded = length.next_multiple_of(ALIGNMENT);
    let end = offset.saturating_add(padded as u64);
    if end >= 1 << 31 {
        return Err(Error::TooLarge(end));
    }
    let header = WinCertificate {
        length: U32::new(length as u32),
        revision: U16::new(REVISION),
        certificate_type: U16::new(PKCS_SIGNED_DATA),
    };
    let mut entry = [header.as_bytes(), signature].concat();
    entry.resize(padded, 0);
    Ok(entry)
}

/// The data directory's entry for a table from `start` to `end`, which are below 2 GiB.
pub fn directory(start: u64, end: u64) -> [u8; size_of::<DataDirectory>()] {
    let directory = DataDirectory {
        virtual_address: U32::new(start as u32),
        size: U32::new(end.saturating_sub(start) as u32),
    };
    zerocopy::transmute!(directory)
}

/// The PKCS#7 signatures of an image, DER; empty when it is not signed.
pub fn signatures(image: &[u8]) -> Result<Vec<&[u8]>, Error> {
    match Pe::parse(image)?.headers.certificate_table() {
        Some(table) => {
            let range = table.start as usize..table.end as usize;
            entries(image.get(range).unwrap_or_default(), table.start)
        }
        None => Ok(Vec::new()),
    }
}

/// A signature without the zeros behind it: some makers (osslsigncode) count an entry's padding as its
/// content, and firmware reads no further than the DER says.
pub(super) fn without_padding(body: &[u8]) -> &[u8] {
    let message = AnyRef::from_der_partial(body).ok();
    let split = message.and_then(|(_, rest)| body.len().checked_sub(rest.len()));
    match split.and_then(|length| body.split_at_checked(length)) {
        Some((message, rest)) if rest.len() < ALIGNMENT && rest.iter().all(|byte| *byte == 0) => {
            message
        }
        _ => body,
    }
}

/// The PKCS#7 signatures in the bytes of a certificate table, which is at `start` in its file.
pub fn entries(table: &[u8], start: u64) -> Result<Vec<&[u8]>, Error> {
    let mut found = Vec::new();
    let mut offset = 0;
    while offset < table.len() {
        let rest = table.get(offset..).unwrap_or_default();
        let Ok((entry, _)) = WinCertificate::read_from_prefix(rest) else {
            // Less than a header is left: padding.
            break;
        };
        let length = entry.length.get() as usize;
        let body = rest.get(size_of::<WinCertificate>()..length);
        match body {
            Some(body)
                if entry.revision == REVISION && entry.certificate_type == PKCS_SIGNED_DATA =>
            {
                found.push(without_padding(body));
            }
            _ => {
                return Err(Error::Entry {
                    offset: start.saturating_add(offset as u64),
                    length: entry.length.get(),
                    revision: entry.revision.get(),
                    kind: entry.certificate_type.get(),
                });
            }
        }
        offset += length.next_multiple_of(ALIGNMENT);
    }
    Ok(found)
}
