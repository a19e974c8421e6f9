//! SignedData, in the order of RFC 2315, section 9.1.

use der::asn1::ObjectIdentifier;
use der::{Encode, Tag};

use super::format::{DATA, RSA, SHA256, SIGNED_DATA, element, explicit};
use super::{Error, read_certificate};

/// What is signed, as it stands in the SignedData.
pub(crate) struct Content<'a> {
    /// Its type.
    pub(crate) content_type: ObjectIdentifier,
    /// Its DER; `None` in a detached signature.
    pub(crate) der: Option<&'a [u8]>,
    /// The SET OF attributes that was signed in its place.
    pub(crate) attributes: Option<&'a [u8]>,
}

/// A detached signature without attributes, as `openssl smime` and the kernel read it.
///
/// `certificate` is X.509 DER; `signature` is RSA PKCS#1 v1.5 with SHA-256 over the content.
pub fn assemble(certificate: &[u8], signature: &[u8]) -> Result<Vec<u8>, Error> {
    content_info(SIGNED_DATA, Some(&assemble_bare(certificate, signature)?))
}

/// The same with the content inside: what the kernel takes as a signed policy.
pub fn assemble_attached(
    certificate: &[u8],
    content: &[u8],
    signature: &[u8],
) -> Result<Vec<u8>, Error> {
    // The type id-data is an OCTET STRING, and what is signed is its value alone (section 9.3).
    let content = Content {
        content_type: DATA,
        der: Some(&element(Tag::OctetString, &[content])?),
        attributes: None,
    };
    let signed = signed_data(&content, certificate, signature)?;
    content_info(SIGNED_DATA, Some(&signed))
}

/// A detached one without the ContentInfo around it: what EFI variables want (UEFI 2.10, section 8.2.2).
pub fn assemble_bare(certificate: &[u8], signature: &[u8]) -> Result<Vec<u8>, Error> {
    let content = Content {
        content_type: DATA,
        der: None,
        attributes: None,
    };
    signed_data(&content, certificate, signature)
}

/// ContentInfo: a type and, in `[0]`, content that is DER already.
pub(crate) fn content_info(
    content_type: ObjectIdentifier,
    content: Option<&[u8]>,
) -> Result<Vec<u8>, Error> {
    let content = content
        .map(|der| element(explicit(0), &[der]))
        .transpose()?
        .unwrap_or_default();
    element(Tag::Sequence, &[&oid(content_type)?, &content])
}

/// AlgorithmIdentifier of SHA-256.
pub(crate) fn digest_algorithm() -> Result<Vec<u8>, Error> {
    algorithm(SHA256)
}

/// SignedData with one signer.
pub(crate) fn signed_data(
    content: &Content<'_>,
    certificate: &[u8],
    signature: &[u8],
) -> Result<Vec<u8>, Error> {
    let fields = read_certificate(certificate)?;
    let version = element(Tag::Integer, &[&[1]])?;

    // SignerInfo: version, issuerAndSerialNumber, digestAlgorithm, attributes [0] IMPLICIT,
    // digestEncryptionAlgorithm, encryptedDigest.
    let serial = element(Tag::Integer, &[&fields.serial])?;
    let signer = element(Tag::Sequence, &[&fields.issuer, &serial])?;
    let attributes = match content.attributes {
        Some(set) => {
            let mut implicit = set.to_vec();
            if let Some(tag) = implicit.first_mut() {
                *tag = 0xa0;
            }
            implicit
        }
        None => Vec::new(),
    };
    let signer_info = element(
        Tag::Sequence,
        &[
            &version,
            &signer,
            &digest_algorithm()?,
            &attributes,
            &algorithm(RSA)?,
            &element(Tag::OctetString, &[signature])?,
        ],
    )?;

    // SignedData: version, digestAlgorithms, contentInfo, certificates [0] IMPLICIT, signerInfos.
    element(
        Tag::Sequence,
        &[
            &version,
            &element(Tag::Set, &[&digest_algorithm()?])?,
            &content_info(content.content_type, content.der)?,
            &element(explicit(0), &[certificate])?,
            &element(Tag::Set, &[&signer_info])?,
        ],
    )
}

fn algorithm(id: ObjectIdentifier) -> Result<Vec<u8>, Error> {
    // RFC 3279, section 2.2.1 and RFC 5754, section 2: parameters are NULL.
    let null = element(Tag::Null, &[])?;
    element(Tag::Sequence, &[&oid(id)?, &null])
}

pub(crate) fn oid(id: ObjectIdentifier) -> Result<Vec<u8>, Error> {
    id.to_der().map_err(|source| Error::Der {
        what: "an object identifier to be written",
        source,
    })
}
