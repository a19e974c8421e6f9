use der::Encode;
use proptest::prelude::*;

use super::*;

/// A self-signed RSA-2048 certificate, made by `openssl req -x509`.
pub(crate) const CERTIFICATE: &[u8] = include_bytes!("../../testdata/certificate.der");
/// `hello`, signed by its key: `openssl smime -sign -binary -noattr -outform DER`.
const DETACHED: &[u8] = include_bytes!("../../testdata/detached.p7s");
/// The same with attributes.
const ATTRIBUTES: &[u8] = include_bytes!("../../testdata/attributes.p7s");

#[test]
fn the_same_bytes_as_openssl() {
    let theirs = read(DETACHED).unwrap();
    let ours = assemble(CERTIFICATE, &theirs.signers[0].signature).unwrap();
    assert_eq!(ours, DETACHED);
}

#[test]
fn a_detached_signature_is_read() {
    let message = read(DETACHED).unwrap();
    assert_eq!(message.content_type, DATA);
    assert_eq!(message.content, None);
    assert_eq!(message.certificates, [CERTIFICATE]);
    let [signer] = &message.signers[..] else {
        panic!("one signer")
    };
    assert_eq!(message.certificate_of(signer), Some(CERTIFICATE));
    assert_eq!(signer.message(b"hello").unwrap(), b"hello".as_slice());
    assert_eq!(signer.signature.len(), 256);
}

#[test]
fn a_bare_one_is_the_same_without_its_wrapping() {
    let message = read(DETACHED).unwrap();
    let bare = assemble_bare(CERTIFICATE, &message.signers[0].signature).unwrap();
    assert_eq!(read(&bare).unwrap(), message);
    assert!(DETACHED.ends_with(&bare));
}

#[test]
fn an_attached_one_is_the_same_with_its_content() {
    let detached = read(DETACHED).unwrap();
    let signature = &detached.signers[0].signature;
    let attached = read(&assemble_attached(CERTIFICATE, b"hello", signature).unwrap()).unwrap();
    assert_eq!(attached.data().unwrap(), b"hello");
    assert_eq!(attached.signers, detached.signers);
    assert_eq!(attached.certificates, detached.certificates);
    // Nothing is inside a detached one, and other types are not bytes alone.
    assert!(detached.data().is_err());
    let other = SignedMessage {
        content_type: SIGNED_DATA,
        ..attached
    };
    assert!(other.data().unwrap_err().to_string().contains("1.7.2"));
}

#[test]
fn attributes_stand_for_the_content_only_when_its_digest_is_theirs() {
    let message = read(ATTRIBUTES).unwrap();
    let signer = &message.signers[0];
    let signed = signer.message(b"hello").unwrap();
    assert_eq!(signed.first(), Some(&0x31));
    assert!(signer.message(b"hellO").is_err());
    let data = signer.attribute(CONTENT_TYPE).unwrap();
    assert_eq!(data, Some(DATA.to_der().unwrap()));
}

#[test]
fn certificate_fields_are_found() {
    let fields = read_certificate(CERTIFICATE).unwrap();
    assert_eq!(fields.issuer, fields.subject);
    assert_eq!(fields.signature.len(), 256);
    assert!(fields.issuer.ends_with(b"formats test"));
    assert!(CERTIFICATE[4..].starts_with(&fields.signed));
}

#[test]
fn truncations_are_errors() {
    for whole in [DETACHED, ATTRIBUTES] {
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length}");
        }
    }
    for length in 0..CERTIFICATE.len() {
        assert!(
            read_certificate(&CERTIFICATE[..length]).is_err(),
            "{length}"
        );
    }
}

proptest! {
    #[test]
    fn changed_bytes_never_panic(offset in 0..ATTRIBUTES.len(), byte in any::<u8>()) {
        let mut bytes = ATTRIBUTES.to_vec();
        bytes[offset] = byte;
        if let Ok(message) = read(&bytes) {
            let _ = message.data();
            for signer in &message.signers {
                let _ = message.certificate_of(signer);
                let _ = signer.message(b"hello");
            }
        }
    }
}

#[test]
fn every_element_is_shown() {
    use crate::fields::tests::{golden, hostile, nested};
    for (name, bytes) in [("detached.p7s", DETACHED), ("attributes.p7s", ATTRIBUTES)] {
        let shown = fields(0, bytes);
        nested(&shown);
        golden(name, &shown);
        hostile(bytes, 7, |bytes| fields(0, bytes));
    }
    let shown = certificate_fields(0, CERTIFICATE);
    nested(&shown);
    golden("certificate.der", &shown);
    hostile(CERTIFICATE, 3, |bytes| certificate_fields(0, bytes));
}
