//! What firmware reads: programs, their signatures, variables.

use chain::Certificate;
use formats::authenticode::{self, ImageHasher, image_digest};
use formats::efi_signature_list::{self as lists, read_auth};
use formats::efivars::{self, SecureBoot};
use formats::pe::format::{CNT_INITIALIZED_DATA, MEM_READ};
use formats::pe::{NewSection, Pe, add_sections, checksum};
use formats::uki::{self, Uki, sbat};
use formats::varstore::{self, Store};
use formats::{load_option, pcr, pkcs7 as p7};
use source::keys::{
    CertificateSummary, verify_attached, verify_detached, verify_image, verify_image_digest,
};

use crate::fields;

pub(crate) fn pe(bytes: &[u8]) {
    fields::slice(bytes, uki::fields);
    let digest = image_digest(bytes).ok();
    // Piece by piece, as a large file is hashed, it is the same.
    let mut hasher = ImageHasher::new();
    let pieces = bytes.chunks(61).try_for_each(|piece| hasher.update(piece));
    let in_pieces = pieces.and_then(|()| hasher.finish()).ok();
    if digest.is_some() {
        assert_eq!(digest, in_pieces);
    }

    let Ok(uki) = Uki::parse(bytes) else {
        assert!(digest.is_none(), "a digest of what is no PE image");
        return;
    };
    let _ = uki::dump(&uki);
    let text = uki.content(".sbat").unwrap_or_default();
    let _ = sbat::merge(&[("one", text), ("other", bytes)]);
    let section = |name: &str| {
        let _ = uki.text(name);
        Ok::<_, ()>(uki.content(name).map(sha256))
    };
    let _ = pcr::stub(section).map(pcr::phases);
    let offset = uki.pe.headers.checksum_offset();
    let _ = checksum(bytes, offset);

    let signatures = authenticode::signatures(bytes);
    for signature in signatures.iter().flatten() {
        signed(signature, bytes);
        let certificates = p7::read(signature).map(|message| message.certificates);
        for certificate in certificates.iter().flatten() {
            let _ = verify_image(certificate, bytes);
        }
    }
    signing_keeps_the_digest(bytes, digest);
    sections_can_be_added(bytes);
}

/// A signature is not part of what it signs, and is found again.
fn signing_keeps_the_digest(image: &[u8], digest: Option<[u8; 32]>) {
    let (Some(digest), Ok(before)) = (digest, authenticode::signatures(image)) else {
        return;
    };
    let mut signed = image.to_vec();
    if authenticode::append(&mut signed, b"signature").is_ok() {
        let after = authenticode::signatures(&signed).expect("what was just signed");
        assert_eq!(after.len(), before.len() + 1);
        assert_eq!(image_digest(&signed).ok(), Some(digest));
    }
}

fn sections_can_be_added(image: &[u8]) {
    let section = |name, data: &'static [u8]| NewSection {
        name,
        data: data.into(),
        characteristics: CNT_INITIALIZED_DATA | MEM_READ,
    };
    let new = [
        section(".osrel", b"ID=test\n"),
        section(".initrd", b"070701"),
    ];
    if let Ok(made) = add_sections(image, &new, 0) {
        let uki = Uki::parse(&made).expect("what was just made");
        assert_eq!(uki.content(".initrd"), Some(&b"070701"[..]));
        let again = Pe::parse(&made).expect("what was just made").headers;
        assert!(again.sections.len() >= 2);
    }
}

pub(crate) fn pkcs7(bytes: &[u8]) {
    fields::lines(&p7::fields(0, bytes));
    fields::lines(&p7::certificate_fields(0, bytes));
    signed(bytes, b"content");
    if let Ok(certificate) = Certificate::read("fuzzed.crt", bytes) {
        let _ = certificate.fields();
        let _ = CertificateSummary::read(&certificate.der);
    }
    if p7::read_certificate(bytes).is_ok() {
        let message = p7::assemble(bytes, &[7; 256]).expect("a certificate that was read");
        let message = p7::read(&message).expect("what was just made");
        assert_eq!(message.certificates, [bytes]);
        assert!(
            message
                .signers
                .iter()
                .all(|s| message.certificate_of(s).is_some())
        );
        let _ = verify_detached(bytes, bytes, b"content");
    }
}

/// A signature that may be one, of an image or of `content`.
fn signed(bytes: &[u8], content: &[u8]) {
    let Ok(message) = p7::read(bytes) else {
        return;
    };
    let _ = message.data();
    let image = authenticode::signed_digest(&message);
    for signer in &message.signers {
        let _ = signer.message(content);
        let _ = signer.attribute(p7::MESSAGE_DIGEST);
        if let Ok((_, content)) = &image {
            let _ = signer.message(content);
        }
        let _ = message.certificate_of(signer);
    }
    for certificate in &message.certificates {
        let _ = p7::read_certificate(certificate);
        let _ = CertificateSummary::read(certificate);
        let _ = verify_attached(certificate, bytes);
        let _ = verify_detached(certificate, bytes, content);
        let _ = verify_image_digest(certificate, &[0; 32], &[bytes]);
    }
}

pub(crate) fn signature_list(bytes: &[u8]) {
    fields::lines(&lists::fields(0, bytes));
    fields::lines(&lists::auth_fields(0, bytes));
    signature_lists(bytes);
    if let Ok(auth) = read_auth(bytes) {
        assert_eq!(
            lists::assemble(auth.time, &auth.signed_data, &auth.data),
            bytes
        );
        let _ = auth.time.to_string();
        signature_lists(&auth.data);
        signed(&auth.signed_data, &auth.data);
    }
}

fn signature_lists(bytes: &[u8]) {
    let Ok(mut found) = lists::read(bytes) else {
        return;
    };
    for signature in found.iter().flat_map(|list| &list.signatures) {
        let _ = p7::read_certificate(&signature.data);
    }
    // Lists without signatures are left out when they are written.
    found.retain(|list| !list.signatures.is_empty());
    let written = lists::write(&found);
    assert_eq!(lists::read(&written).expect("what was just written"), found);
}

pub(crate) fn variables(bytes: &[u8]) {
    fields::lines(&load_option::fields(0, bytes));
    fields::lines(&varstore::fields(bytes));
    let (on, setup) = bytes.split_at(bytes.len().min(5));
    let _ = SecureBoot::decode(Some(on), Some(setup));
    let _ = efivars::LOADER_DEVICE_PART_UUID.decode_guid(bytes);
    let _ = efivars::STUB_INFO.decode_text(bytes);

    if let Ok(option) = load_option::read(bytes) {
        let _ = option.to_string();
        let written = load_option::write(&option).expect("what was just read");
        assert_eq!(written, bytes);
    }

    if let Ok(store) = Store::parse(bytes) {
        let mut variables = store.variables;
        match varstore::write(bytes, &[]) {
            Ok(written) => {
                let again = Store::parse(&written).expect("what was just written");
                assert_eq!(again.variables, variables);
            }
            // Names without an end take two bytes more.
            Err(varstore::Error::Full { .. }) => {}
            Err(error) => panic!("a store that was read cannot be written: {error}"),
        }
        variables.truncate(1);
        let _ = varstore::write(bytes, &variables);
        for variable in variables {
            signature_lists(&variable.data);
            let _ = load_option::read(&variable.data);
        }
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    formats::verity::block_hash(&[], bytes)
}
