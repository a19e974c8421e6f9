//! Lists, read with every size checked.

use uguid::Guid;
use zerocopy::FromBytes;

use super::format::{CERT_SHA256, CERT_X509_SHA256, GUID_SIZE, ListHeader};
use super::{Signature, SignatureList};

/// Why bytes are not taken. Offsets and sizes are in bytes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Sizes in a list's header contradict each other or the file.
    #[error(
        "EFI signature list at offset {offset}: list size {list_size}, header size {header_size} \
         and signature size {signature_size} do not fit the {left} bytes that are left"
    )]
    Sizes {
        /// Where the list starts.
        offset: usize,
        /// SignatureListSize.
        list_size: u32,
        /// SignatureHeaderSize.
        header_size: u32,
        /// SignatureSize.
        signature_size: u32,
        /// Bytes from the list's start to the end.
        left: usize,
    },
    /// The file ends inside of a header.
    #[error("{what}: {found} bytes at offset {offset}, at least {needed} are needed")]
    Truncated {
        /// Which structure.
        what: &'static str,
        /// Where it starts.
        offset: usize,
        /// Bytes there.
        found: usize,
        /// Bytes needed.
        needed: usize,
    },
    /// A signed variable whose fixed fields are others.
    #[error("signed EFI variable: the {what} is {found}; {expected} is needed")]
    Value {
        /// Which field.
        what: &'static str,
        /// What is there.
        found: String,
        /// What should be there.
        expected: &'static str,
    },
}

/// Reads all lists of a variable or an `.esl` file. No bytes are no lists.
pub fn read(bytes: &[u8]) -> Result<Vec<SignatureList>, Error> {
    let mut lists = Vec::new();
    let mut left = bytes;
    while !left.is_empty() {
        let offset = bytes.len() - left.len();
        let (header, _) = ListHeader::read_from_prefix(left).map_err(|_| Error::Truncated {
            what: "EFI signature list",
            offset,
            found: left.len(),
            needed: size_of::<ListHeader>(),
        })?;
        let (list, rest) = read_list(&header, left).ok_or(Error::Sizes {
            offset,
            list_size: header.list_size.get(),
            header_size: header.header_size.get(),
            signature_size: header.signature_size.get(),
            left: left.len(),
        })?;
        lists.push(list);
        left = rest;
    }
    Ok(lists)
}

fn read_list<'a>(header: &ListHeader, bytes: &'a [u8]) -> Option<(SignatureList, &'a [u8])> {
    let (list, rest) = bytes.split_at_checked(header.list_size.get() as usize)?;
    let body = list.get(size_of::<ListHeader>()..)?;
    let (type_header, body) = body.split_at_checked(header.header_size.get() as usize)?;
    let size = header.signature_size.get() as usize;
    let signature_type = Guid::from_bytes(header.signature_type);
    let too_small = size <= GUID_SIZE;
    let wrong_hash = match signature_type {
        CERT_SHA256 => size != GUID_SIZE + 32,
        CERT_X509_SHA256 => size != GUID_SIZE + 32 + 16,
        _ => false,
    };
    if too_small || wrong_hash || body.len() % size != 0 {
        return None;
    }
    let signatures = body.chunks_exact(size).map(|entry| {
        let (owner, data) = entry.split_first_chunk::<GUID_SIZE>()?;
        Some(Signature {
            owner: Guid::from_bytes(*owner),
            data: data.to_vec(),
        })
    });
    let list = SignatureList {
        signature_type,
        header: type_header.to_vec(),
        signatures: signatures.collect::<Option<_>>()?,
    };
    Some((list, rest))
}
