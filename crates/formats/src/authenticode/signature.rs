//! SpcIndirectDataContent and the PKCS#7 SignedData around it.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Encode, Tag};
use sha2::{Digest, Sha256};

use super::Error;
use crate::pkcs7::{
    self, CONTENT_TYPE, Content, MESSAGE_DIGEST, SIGNED_DATA, content_info, digest_algorithm,
    element, elements, signed_data,
};

/// `SPC_INDIRECT_DATA_OBJID`.
const SPC_INDIRECT_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.4");

/// `SpcAttributeTypeAndOptionalValue` of `SPC_PE_IMAGE_DATAOBJ` (1.3.6.1.4.1.311.2.1.15), with
/// `SpcPeImageData`: no flags, and an SpcLink of an empty file name. The same in every signature.
const SPC_PE_IMAGE_DATA: [u8; 25] = [
    0x30, 0x17, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0f, 0x30, 0x09,
    0x03, 0x01, 0x00, 0xa0, 0x04, 0xa2, 0x02, 0x80, 0x00,
];

/// What is to be signed for an image of that digest: the SET OF attributes, DER.
///
/// There is no signing time among them, so the same image and key give the same signature.
pub fn to_be_signed(digest: &[u8; 32]) -> Result<Vec<u8>, Error> {
    // The digest leaves out the content's own tag and length (RFC 2315, section 9.3).
    let content = indirect_data(digest)?;
    let content = AnyRef::from_der(&content).map_err(unwritable)?;
    let message_digest = Sha256::digest(content.value());
    let content_type = SPC_INDIRECT_DATA.to_der().map_err(unwritable)?;
    let attributes = [
        (CONTENT_TYPE, content_type),
        (
            MESSAGE_DIGEST,
            element(Tag::OctetString, &[&message_digest])?,
        ),
    ];
    let mut encoded = Vec::new();
    for (id, value) in attributes {
        let id = id.to_der().map_err(unwritable)?;
        let values = element(Tag::Set, &[&value])?;
        encoded.push(element(Tag::Sequence, &[&id, &values])?);
    }
    // DER orders the elements of a SET OF by their bytes (X.690, section 11.6).
    encoded.sort();
    let parts: Vec<&[u8]> = encoded.iter().map(Vec::as_slice).collect();
    Ok(element(Tag::Set, &parts)?)
}

/// The PKCS#7 signature of an image: `signature` is over [`to_be_signed`] of the same digest.
pub fn assemble(certificate: &[u8], digest: &[u8; 32], signature: &[u8]) -> Result<Vec<u8>, Error> {
    let content = Content {
        content_type: SPC_INDIRECT_DATA,
        der: Some(&indirect_data(digest)?),
        attributes: Some(&to_be_signed(digest)?),
    };
    let signed = signed_data(&content, certificate, signature)?;
    Ok(content_info(SIGNED_DATA, Some(&signed))?)
}

/// The image digest that a PKCS#7 signature is for, and the content to give to
/// [`pkcs7::SignerInfo::message`].
pub fn signed_digest(message: &pkcs7::SignedMessage) -> Result<(Vec<u8>, Vec<u8>), Error> {
    const WHAT: &str = "the Authenticode content";
    if message.content_type != SPC_INDIRECT_DATA {
        return Err(pkcs7::Error::Value {
            what: "the type of the signed content",
            found: message.content_type.to_string(),
            expected: "SpcIndirectData, 1.3.6.1.4.1.311.2.1.4,",
        }
        .into());
    }
    let der = message.content.as_deref().unwrap_or_default();
    let content = AnyRef::from_der(der).map_err(unreadable)?.value();
    let [_, digest_info] = elements(content, WHAT)?[..] else {
        return Err(unreadable(Tag::Sequence.value_error().into()).into());
    };
    let [_, digest] = elements(digest_info.value(), WHAT)?[..] else {
        return Err(unreadable(Tag::OctetString.value_error().into()).into());
    };
    Ok((digest.value().to_vec(), content.to_vec()))
}

/// SpcIndirectDataContent: what it is about, and DigestInfo.
fn indirect_data(digest: &[u8; 32]) -> Result<Vec<u8>, Error> {
    let digest = element(Tag::OctetString, &[digest])?;
    let digest_info = element(Tag::Sequence, &[&digest_algorithm()?, &digest])?;
    Ok(element(Tag::Sequence, &[&SPC_PE_IMAGE_DATA, &digest_info])?)
}

fn unwritable(source: der::Error) -> pkcs7::Error {
    let what = "the Authenticode content to be written";
    pkcs7::Error::Der { what, source }
}

fn unreadable(source: der::Error) -> pkcs7::Error {
    let what = "the Authenticode content";
    pkcs7::Error::Der { what, source }
}
