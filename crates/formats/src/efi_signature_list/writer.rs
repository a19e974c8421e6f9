//! Lists, written.

use uguid::Guid;
use zerocopy::IntoBytes;
use zerocopy::byteorder::little_endian::U32;

use super::format::{CERT_SHA256, CERT_X509, CERT_X509_SHA256, GUID_SIZE, ListHeader};
use super::{Signature, SignatureList, Timestamp};

/// A list of one certificate. Certificates differ in size, so each has a list of its own.
pub fn x509_list(owner: Guid, certificate: &[u8]) -> SignatureList {
    SignatureList {
        signature_type: CERT_X509,
        header: Vec::new(),
        signatures: vec![Signature {
            owner,
            data: certificate.to_vec(),
        }],
    }
}

/// A list of image digests.
pub fn sha256_list(owner: Guid, hashes: &[[u8; 32]]) -> SignatureList {
    let signature = |hash: &[u8; 32]| Signature {
        owner,
        data: hash.to_vec(),
    };
    SignatureList {
        signature_type: CERT_SHA256,
        header: Vec::new(),
        signatures: hashes.iter().map(signature).collect(),
    }
}

/// A list of one certificate by the SHA-256 of its TBSCertificate, revoked from `time` on: what dbx may hold
/// in place of the certificate.
pub fn x509_sha256_list(owner: Guid, hash: &[u8; 32], time: Timestamp) -> SignatureList {
    SignatureList {
        signature_type: CERT_X509_SHA256,
        header: Vec::new(),
        signatures: vec![Signature {
            owner,
            data: [&hash[..], &time.to_bytes()].concat(),
        }],
    }
}

/// The bytes of `lists`. A signature that differs in size from the first of its list starts a
/// new list of the same type; a list without signatures is left out.
pub fn write(lists: &[SignatureList]) -> Vec<u8> {
    let mut out = Vec::new();
    for list in lists {
        let same_size = |a: &Signature, b: &Signature| a.data.len() == b.data.len();
        for signatures in list.signatures.chunk_by(same_size) {
            write_list(&mut out, list, signatures);
        }
    }
    out
}

fn write_list(out: &mut Vec<u8>, list: &SignatureList, signatures: &[Signature]) {
    let data_size = signatures.first().map_or(0, |first| first.data.len());
    let signature_size = GUID_SIZE + data_size;
    let body = list.header.len() + signature_size * signatures.len();
    let header = ListHeader {
        signature_type: list.signature_type.to_bytes(),
        list_size: U32::new((size_of::<ListHeader>() + body) as u32),
        header_size: U32::new(list.header.len() as u32),
        signature_size: U32::new(signature_size as u32),
    };
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(&list.header);
    for signature in signatures {
        out.extend_from_slice(&signature.owner.to_bytes());
        out.extend_from_slice(&signature.data);
    }
}
