//! Self-signed X.509 certificates (RFC 5280, section 4.1).

use std::time::Duration;

use const_oid::AssociatedOid;
use const_oid::db::rfc4519::COMMON_NAME;
use const_oid::db::rfc5912::SHA_256_WITH_RSA_ENCRYPTION;
use der::asn1::{Any, BitString, GeneralizedTime, OctetString, UtcTime, Utf8StringRef};
use der::{Decode, Encode, Sequence};
use sha2::{Digest, Sha256};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::certificate::Version;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, KeyUsages, SubjectKeyIdentifier,
};
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::{Time, Validity};

/// What a certificate says.
pub(super) struct Contents<'a> {
    /// Subject and issuer: a common name.
    pub(super) common_name: &'a str,
    /// 16 random bytes.
    pub(super) serial: [u8; 16],
    /// Seconds since 1970.
    pub(super) not_before: u64,
    /// Seconds since 1970.
    pub(super) not_after: u64,
    /// SubjectPublicKeyInfo, DER.
    pub(super) public_key: &'a [u8],
    /// Whether it may issue others: PK and KEK are authorities, as firmware setups expect; db
    /// only signs images.
    pub(super) authority: bool,
}

#[derive(Sequence)]
struct TbsCertificate {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    version: Version,
    serial_number: SerialNumber,
    signature: AlgorithmIdentifierOwned,
    issuer: RdnSequence,
    validity: Validity,
    subject: RdnSequence,
    subject_public_key_info: SubjectPublicKeyInfoOwned,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    extensions: Vec<Extension>,
}

#[derive(Sequence)]
struct Certificate {
    tbs_certificate: Any,
    signature_algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
}

/// What the key is to sign: the TBSCertificate, DER.
pub(super) fn to_be_signed(contents: &Contents<'_>) -> der::Result<Vec<u8>> {
    let public_key = SubjectPublicKeyInfoOwned::from_der(contents.public_key)?;
    let name = common_name(contents.common_name)?;
    let extensions = extensions(contents.authority, &public_key)?;
    // A serial number is positive, and its top bit would be its sign (section 4.1.2.2).
    let mut serial = contents.serial;
    serial[0] = serial[0] & 0x7f | 0x40;
    let validity = Validity::new(time(contents.not_before)?, time(contents.not_after)?);
    TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::new(&serial)?,
        signature: algorithm(),
        issuer: name.clone(),
        validity,
        subject: name,
        subject_public_key_info: public_key,
        extensions,
    }
    .to_der()
}

/// The certificate, DER, from [`to_be_signed`] and the signature over it.
pub(super) fn assemble(to_be_signed: &[u8], signature: &[u8]) -> der::Result<Vec<u8>> {
    Certificate {
        tbs_certificate: Any::from_der(to_be_signed)?,
        signature_algorithm: algorithm(),
        signature: BitString::from_bytes(signature)?,
    }
    .to_der()
}

fn extensions(
    authority: bool,
    public_key: &SubjectPublicKeyInfoOwned,
) -> der::Result<Vec<Extension>> {
    // RFC 7093, section 2, method 1: the leftmost 160 bits of the key's SHA-256.
    let hash = Sha256::digest(public_key.subject_public_key.raw_bytes());
    let key_id = OctetString::new(hash.get(..20).unwrap_or_default())?;
    let usage = if authority {
        KeyUsages::DigitalSignature | KeyUsages::KeyCertSign
    } else {
        KeyUsages::DigitalSignature.into()
    };
    let constraints = BasicConstraints {
        ca: authority,
        path_len_constraint: None,
    };
    // Who looks for the issuer by key identifier, as the kernel does, finds the same key.
    let issuer = AuthorityKeyIdentifier {
        key_identifier: Some(key_id.clone()),
        ..AuthorityKeyIdentifier::default()
    };
    Ok(vec![
        extension(&constraints, true)?,
        extension(&KeyUsage(usage), true)?,
        extension(&SubjectKeyIdentifier(key_id), false)?,
        extension(&issuer, false)?,
    ])
}

fn extension<T: AssociatedOid + Encode>(value: &T, critical: bool) -> der::Result<Extension> {
    Ok(Extension {
        extn_id: T::OID,
        critical,
        extn_value: OctetString::new(value.to_der()?)?,
    })
}

fn common_name(text: &str) -> der::Result<RdnSequence> {
    let mut part = RelativeDistinguishedName::default();
    part.insert(AttributeTypeAndValue {
        oid: COMMON_NAME,
        value: Any::encode_from(&Utf8StringRef::new(text)?)?,
    })?;
    let mut name = RdnSequence::default();
    name.push(part);
    Ok(name)
}

/// UTCTime up to 2049, GeneralizedTime after it (section 4.1.2.5).
fn time(seconds: u64) -> der::Result<Time> {
    let time = Duration::from_secs(seconds);
    match UtcTime::from_unix_duration(time) {
        Ok(time) => Ok(Time::UtcTime(time)),
        Err(_) => Ok(Time::GeneralTime(GeneralizedTime::from_unix_duration(
            time,
        )?)),
    }
}

fn algorithm() -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned {
        oid: SHA_256_WITH_RSA_ENCRYPTION,
        parameters: Some(Any::null()),
    }
}
