//! Object identifiers, and DER elements made and taken apart.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Encode, Reader, SliceReader, Tag, TagNumber};

use super::Error;

/// `id-data`: content that is just bytes.
pub const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
/// `id-signedData`.
pub const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// Attribute: type of the content.
pub const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
/// Attribute: digest of the content.
pub const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
/// `id-sha256`.
pub const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
/// `rsaEncryption`.
pub const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// `sha256WithRSAEncryption`, which some write in place of `rsaEncryption`.
pub const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// One element whose content is `parts`, one after the other.
pub(crate) fn element(tag: Tag, parts: &[&[u8]]) -> Result<Vec<u8>, Error> {
    let content = parts.concat();
    AnyRef::new(tag, &content)
        .and_then(|any| any.to_der())
        .map_err(|source| Error::Der {
            what: "an element to be written",
            source,
        })
}

/// `[number] EXPLICIT`, or the constructed `[number] IMPLICIT` in place of another tag.
pub(crate) fn explicit(number: u32) -> Tag {
    Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(number),
    }
}

/// The elements in `bytes`, which follow one another without a gap.
pub(crate) fn elements<'a>(bytes: &'a [u8], what: &'static str) -> Result<Vec<AnyRef<'a>>, Error> {
    let read = || {
        let mut reader = SliceReader::new(bytes)?;
        let mut found = Vec::new();
        while !reader.is_finished() {
            found.push(AnyRef::decode(&mut reader)?);
        }
        Ok(found)
    };
    read().map_err(|source| Error::Der { what, source })
}
