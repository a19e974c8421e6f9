//! SignedData and certificates, read as far as signatures need it.

use std::borrow::Cow;

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Encode, Tag, Tagged};
use sha2::{Digest, Sha256};

use super::Error;
use super::format::{
    DATA, MESSAGE_DIGEST, RSA, SHA256, SHA256_WITH_RSA, SIGNED_DATA, elements, explicit,
};

/// What a certificate says about whose it is. All fields are DER as it stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFields {
    /// Name of the issuer, DER.
    pub issuer: Vec<u8>,
    /// Serial number: content of the INTEGER, big-endian.
    pub serial: Vec<u8>,
    /// Name of the subject, DER.
    pub subject: Vec<u8>,
    /// SubjectPublicKeyInfo, DER.
    pub public_key: Vec<u8>,
    /// What the issuer signed: TBSCertificate, DER.
    pub signed: Vec<u8>,
    /// The issuer's signature.
    pub signature: Vec<u8>,
}

/// A SignedData.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedMessage {
    /// Type of the content.
    pub content_type: ObjectIdentifier,
    /// The content's DER, tag and length included; `None` when detached.
    pub content: Option<Vec<u8>>,
    /// Certificates, DER, in their order.
    pub certificates: Vec<Vec<u8>>,
    /// Who signed it.
    pub signers: Vec<SignerInfo>,
}

/// One signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerInfo {
    /// Name of the certificate's issuer, DER.
    pub issuer: Vec<u8>,
    /// Serial number of the certificate: content of the INTEGER, big-endian.
    pub serial: Vec<u8>,
    /// Digest algorithm.
    pub digest_algorithm: ObjectIdentifier,
    /// The SET OF attributes, DER, as it was signed; `None` when the content itself was.
    pub attributes: Option<Vec<u8>>,
    /// Signature algorithm.
    pub signature_algorithm: ObjectIdentifier,
    /// The signature's bytes.
    pub signature: Vec<u8>,
}

impl SignedMessage {
    /// The content of the type id-data: the bytes that were signed.
    pub fn data(&self) -> Result<&[u8], Error> {
        const WHAT: &str = "the PKCS#7 content";
        if self.content_type != DATA {
            return Err(Error::Value {
                what: WHAT,
                found: format!("the type {}", self.content_type),
                expected: "data, 1.2.840.113549.1.7.1,",
            });
        }
        let content = any(self.content.as_deref().unwrap_or_default(), WHAT)?;
        content
            .tag()
            .assert_eq(Tag::OctetString)
            .map_err(|source| Error::Der { what: WHAT, source })?;
        Ok(content.value())
    }

    /// The certificate among [`Self::certificates`] that `signer` names.
    pub fn certificate_of(&self, signer: &SignerInfo) -> Option<&[u8]> {
        let is_it = |der: &&Vec<u8>| {
            read_certificate(der)
                .is_ok_and(|c| c.issuer == signer.issuer && c.serial == signer.serial)
        };
        self.certificates.iter().find(is_it).map(Vec::as_slice)
    }
}

impl SignerInfo {
    /// The bytes that [`Self::signature`] covers, given the content: the content itself, or the
    /// attributes after their digest of the content was compared.
    pub fn message<'a>(&'a self, content: &'a [u8]) -> Result<Cow<'a, [u8]>, Error> {
        if self.digest_algorithm != SHA256 {
            return Err(Error::Value {
                what: "the signature's digest algorithm",
                found: self.digest_algorithm.to_string(),
                expected: "SHA-256",
            });
        }
        let Some(attributes) = &self.attributes else {
            return Ok(Cow::Borrowed(content));
        };
        let stored = self.attribute(MESSAGE_DIGEST)?.unwrap_or_default();
        let digest = AnyRef::from_der(&stored).ok().map(|any| any.value());
        if digest != Some(Sha256::digest(content).as_slice()) {
            return Err(Error::Value {
                what: "the signature's messageDigest attribute",
                found: "the digest of something else, or none".to_owned(),
                expected: "the content's SHA-256",
            });
        }
        Ok(Cow::Borrowed(attributes))
    }

    /// The value of an attribute, DER.
    pub fn attribute(&self, id: ObjectIdentifier) -> Result<Option<Vec<u8>>, Error> {
        const WHAT: &str = "the signature's attributes";
        let Some(attributes) = &self.attributes else {
            return Ok(None);
        };
        for set in elements(attributes, WHAT)? {
            for attribute in elements(set.value(), WHAT)? {
                let mut parts = Parts::new(attribute.value(), WHAT)?;
                if parts.oid()? == id {
                    let values = parts.next(Tag::Set)?;
                    let mut values = elements(values.value(), WHAT)?.into_iter();
                    return values.next().map(|value| der(value, WHAT)).transpose();
                }
            }
        }
        Ok(None)
    }
}

/// Reads a SignedData, with or without a ContentInfo around it. As strict as the verifiers that a
/// signature is made for: what one of them would not take is an error here.
pub fn read(bytes: &[u8]) -> Result<SignedMessage, Error> {
    const WHAT: &str = "the PKCS#7 signature";
    let mut parts = Parts::new(sequence(bytes, WHAT)?.value(), WHAT)?;
    let inner;
    if parts.peek() == Some(Tag::ObjectIdentifier) {
        let found = parts.oid()?;
        if found != SIGNED_DATA {
            return Err(Error::Value {
                what: "the PKCS#7 content type",
                found: found.to_string(),
                expected: "signedData, 1.2.840.113549.1.7.2,",
            });
        }
        inner = sequence(parts.next(explicit(0))?.value(), WHAT)?;
        parts.end()?;
        parts = Parts::new(inner.value(), WHAT)?;
    }

    // SignedData: version, digestAlgorithms, contentInfo, certificates, crls, signerInfos.
    parts.version()?;
    let digests = elements(parts.next(Tag::Set)?.value(), WHAT)?
        .into_iter()
        .map(|digest| algorithm(digest, WHAT))
        .collect::<Result<Vec<_>, _>>()?;
    let mut info = Parts::new(parts.next(Tag::Sequence)?.value(), WHAT)?;
    let content_type = info.oid()?;
    let content = info.optional(explicit(0)).map(|any| any.value().to_vec());
    info.end()?;
    let certificates = match parts.optional(explicit(0)) {
        Some(set) => elements(set.value(), WHAT)?
            .into_iter()
            .map(|certificate| der(certificate, WHAT))
            .collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    parts.optional(explicit(1));
    let signers = elements(parts.next(Tag::Set)?.value(), WHAT)?
        .into_iter()
        .map(|signer| read_signer(signer, &digests))
        .collect::<Result<_, _>>()?;
    parts.end()?;
    Ok(SignedMessage {
        content_type,
        content,
        certificates,
        signers,
    })
}

/// `digests`: the algorithms that the SignedData names. OpenSSL, and so firmware, looks for the
/// signer's among them.
fn read_signer(signer: AnyRef<'_>, digests: &[ObjectIdentifier]) -> Result<SignerInfo, Error> {
    const WHAT: &str = "the PKCS#7 SignerInfo";
    let mut parts = Parts::new(tagged(signer, Tag::Sequence, WHAT)?.value(), WHAT)?;
    parts.version()?;
    let mut certificate = Parts::new(parts.next(Tag::Sequence)?.value(), WHAT)?;
    let issuer = der(certificate.next(Tag::Sequence)?, WHAT)?;
    let serial = certificate.next(Tag::Integer)?.value().to_vec();
    certificate.end()?;
    let digest_algorithm = algorithm(parts.next(Tag::Sequence)?, WHAT)?;
    if !digests.contains(&digest_algorithm) {
        return Err(Error::Value {
            what: "the PKCS#7 digest algorithms",
            found: "another one than the signer's".to_owned(),
            expected: "that one, too,",
        });
    }
    let attributes = parts.optional(explicit(0));
    let attributes = attributes
        .map(|any| super::element(Tag::Set, &[any.value()]))
        .transpose()?;
    let signature_algorithm = algorithm(parts.next(Tag::Sequence)?, WHAT)?;
    let signature = parts.next(Tag::OctetString)?.value().to_vec();
    // Attributes that are not signed.
    parts.optional(explicit(1));
    parts.end()?;
    Ok(SignerInfo {
        issuer,
        serial,
        digest_algorithm,
        attributes,
        signature_algorithm,
        signature,
    })
}

/// Reads an X.509 certificate (RFC 5280, section 4.1), DER.
pub fn read_certificate(bytes: &[u8]) -> Result<CertificateFields, Error> {
    const WHAT: &str = "the X.509 certificate";
    let mut parts = Parts::new(any(bytes, WHAT)?.value(), WHAT)?;
    let signed = parts.next(Tag::Sequence)?;
    parts.next(Tag::Sequence)?;
    let signature = parts.next(Tag::BitString)?;

    // TBSCertificate: [0] version, serialNumber, signature, issuer, validity, subject, key.
    let mut tbs = Parts::new(signed.value(), WHAT)?;
    tbs.optional(explicit(0));
    let serial = tbs.next(Tag::Integer)?.value().to_vec();
    tbs.next(Tag::Sequence)?;
    let issuer = der(tbs.next(Tag::Sequence)?, WHAT)?;
    tbs.next(Tag::Sequence)?;
    let subject = der(tbs.next(Tag::Sequence)?, WHAT)?;
    let public_key = der(tbs.next(Tag::Sequence)?, WHAT)?;
    Ok(CertificateFields {
        issuer,
        serial,
        subject,
        public_key,
        signed: der(signed, WHAT)?,
        // The first byte counts unused bits: always 0 in a signature.
        signature: signature.value().get(1..).unwrap_or_default().to_vec(),
    })
}

/// The algorithm of an AlgorithmIdentifier. Those that are used here have no parameters: NULL, or
/// nothing (RFC 3279, section 2.2.1; RFC 5754, section 2).
fn algorithm(any: AnyRef<'_>, what: &'static str) -> Result<ObjectIdentifier, Error> {
    let mut parts = Parts::new(tagged(any, Tag::Sequence, what)?.value(), what)?;
    let id = parts.oid()?;
    if [SHA256, RSA, SHA256_WITH_RSA].contains(&id) {
        parts.optional(Tag::Null);
        parts.end()?;
    }
    Ok(id)
}

/// The elements of a SEQUENCE, taken one after the other.
struct Parts<'a> {
    what: &'static str,
    left: std::iter::Peekable<std::vec::IntoIter<AnyRef<'a>>>,
}

impl<'a> Parts<'a> {
    fn new(bytes: &'a [u8], what: &'static str) -> Result<Self, Error> {
        let left = elements(bytes, what)?.into_iter().peekable();
        Ok(Self { what, left })
    }

    fn peek(&mut self) -> Option<Tag> {
        self.left.peek().map(Tagged::tag)
    }

    fn optional(&mut self, tag: Tag) -> Option<AnyRef<'a>> {
        self.left.next_if(|any| any.tag() == tag)
    }

    fn next(&mut self, tag: Tag) -> Result<AnyRef<'a>, Error> {
        if let Some(any) = self.optional(tag) {
            return Ok(any);
        }
        Err(Error::Der {
            what: self.what,
            source: match self.peek() {
                Some(found) => found.unexpected_error(Some(tag)).into(),
                None => tag.length_error().into(),
            },
        })
    }

    /// The version that PKCS#7 has.
    fn version(&mut self) -> Result<(), Error> {
        match self.next(Tag::Integer)?.value() {
            [1] => Ok(()),
            found => Err(Error::Value {
                what: self.what,
                found: format!("version {}", found.escape_ascii()),
                expected: "version 1",
            }),
        }
    }

    /// Nothing follows.
    fn end(&mut self) -> Result<(), Error> {
        match self.peek() {
            None => Ok(()),
            Some(found) => Err(Error::Der {
                what: self.what,
                source: found.unexpected_error(None).into(),
            }),
        }
    }

    fn oid(&mut self) -> Result<ObjectIdentifier, Error> {
        let what = self.what;
        let any = self.next(Tag::ObjectIdentifier)?;
        any.decode_as()
            .map_err(|source| Error::Der { what, source })
    }
}

fn any<'a>(bytes: &'a [u8], what: &'static str) -> Result<AnyRef<'a>, Error> {
    AnyRef::from_der(bytes).map_err(|source| Error::Der { what, source })
}

fn sequence<'a>(bytes: &'a [u8], what: &'static str) -> Result<AnyRef<'a>, Error> {
    tagged(any(bytes, what)?, Tag::Sequence, what)
}

fn tagged<'a>(any: AnyRef<'a>, tag: Tag, what: &'static str) -> Result<AnyRef<'a>, Error> {
    match any.tag().assert_eq(tag) {
        Ok(_) => Ok(any),
        Err(source) => Err(Error::Der { what, source }),
    }
}

fn der(any: AnyRef<'_>, what: &'static str) -> Result<Vec<u8>, Error> {
    any.to_der().map_err(|source| Error::Der { what, source })
}
