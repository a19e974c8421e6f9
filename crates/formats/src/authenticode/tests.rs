use std::io::Write;
use std::ops::Range;

use authenticode::{PeOffsetError, PeOffsets, PeTrait};
use der::asn1::{Any, SetOfVec};
use der::{Decode, Encode};
use proptest::prelude::*;

use super::*;
use crate::pe::format::{CNT_INITIALIZED_DATA, MEM_READ};
use crate::pe::{Data, NewSection, Pe, add_sections, tests::stub};
use crate::pkcs7::tests::CERTIFICATE;

fn image() -> Vec<u8> {
    let new = NewSection {
        name: ".linux",
        data: Data::Bytes(&[7; 1000]),
        characteristics: CNT_INITIALIZED_DATA | MEM_READ,
    };
    add_sections(&stub(), &[new], 0).unwrap()
}

/// The image as the other implementation sees it.
struct Foreign<'a>(&'a [u8]);

impl PeTrait for Foreign<'_> {
    fn data(&self) -> &[u8] {
        self.0
    }
    fn num_sections(&self) -> usize {
        Pe::parse(self.0).unwrap().headers.sections.len()
    }
    fn section_data_range(&self, index: usize) -> Result<Range<usize>, PeOffsetError> {
        let section = Pe::parse(self.0).unwrap().headers.sections[index - 1];
        let start = section.pointer_to_raw_data.get() as usize;
        Ok(start..start + section.size_of_raw_data.get() as usize)
    }
    fn certificate_table_range(&self) -> Result<Option<Range<usize>>, PeOffsetError> {
        let table = Pe::parse(self.0).unwrap().headers.certificate_table();
        Ok(table.map(|t| t.start as usize..t.end as usize))
    }
    fn offsets(&self) -> Result<PeOffsets, PeOffsetError> {
        let headers = Pe::parse(self.0).unwrap().headers;
        let directory = headers.directory_offset(4).unwrap();
        Ok(PeOffsets {
            check_sum: headers.checksum_offset(),
            after_check_sum: headers.checksum_offset() + 4,
            security_data_dir: directory,
            after_security_data_dir: directory + 8,
            after_header: headers.optional.size_of_headers.get() as usize,
        })
    }
}

/// The digest by the other implementation.
fn oracle(image: &[u8]) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    struct Collect(Vec<u8>);
    impl digest_0_10::Update for Collect {
        fn update(&mut self, data: &[u8]) {
            self.0.extend_from_slice(data);
        }
    }
    let mut collected = Collect(Vec::new());
    authenticode::authenticode_digest(&Foreign(image), &mut collected).unwrap();
    Sha256::digest(&collected.0).into()
}

#[test]
fn the_digest_is_the_oracles() {
    assert_eq!(image_digest(&image()).unwrap(), oracle(&image()));
    let mut tail = image();
    tail.extend_from_slice(b"appended");
    assert_eq!(image_digest(&tail).unwrap(), oracle(&tail));
}

#[test]
fn signing_changes_neither_digest_nor_earlier_signatures() {
    let mut image = image();
    let digest = image_digest(&image).unwrap();
    append(&mut image, b"first").unwrap();
    append(&mut image, b"the second one").unwrap();
    assert_eq!(image_digest(&image).unwrap(), digest);
    assert_eq!(oracle(&image), digest);
    let expected: [&[u8]; 2] = [b"first", b"the second one"];
    assert_eq!(signatures(&image).unwrap(), expected);
}

#[test]
fn a_stream_in_pieces_gives_the_same_digest() {
    let mut image = image();
    append(&mut image, b"signature").unwrap();
    let digest = image_digest(&image).unwrap();
    for size in [1, 7, 512, 1 << 20] {
        let mut hasher = ImageHasher::new();
        for piece in image.chunks(size) {
            hasher.write_all(piece).unwrap();
        }
        assert_eq!(hasher.finish().unwrap(), digest, "{size}");
    }
}

#[test]
fn a_signature_names_the_digest() {
    let digest = image_digest(&image()).unwrap();
    let signature = assemble(CERTIFICATE, &digest, &[5; 256]).unwrap();
    let message = crate::pkcs7::read(&signature).unwrap();
    let (found, content) = signed_digest(&message).unwrap();
    assert_eq!(found, digest);
    let signed = message.signers[0].message(&content).unwrap();
    // DER orders a SET OF: another encoder gives the same bytes.
    let again = SetOfVec::<Any>::from_der(&signed).unwrap().to_der();
    assert_eq!(again.unwrap(), *signed);
    assert_eq!(signed, to_be_signed(&digest).unwrap());

    let theirs = authenticode::AuthenticodeSignature::from_bytes(&signature).unwrap();
    assert_eq!(theirs.digest(), digest);
    assert_eq!(theirs.signature(), [5; 256]);
}

#[test]
fn what_verifiers_could_read_differently_is_refused() {
    type Break = fn(&mut Vec<u8>);
    let cases: &[(&str, Break)] = &[
        ("data directories", |i| i[0x58 + 108] = 4),
        ("headers end", |i| i[0x58 + 61] = 0),
        // .sbat's content, one sector further.
        ("one after the other", |i| i[0x58 + 240 + 40 + 21] = 8),
        ("last thing", |i| {
            append(i, b"signature").unwrap();
            i.extend_from_slice(&[0; 8]);
        }),
    ];
    for (expected, change) in cases {
        let mut image = image();
        change(&mut image);
        let error = image_digest(&image).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let mut odd = image();
    odd.push(0);
    assert!(matches!(append(&mut odd, b"x"), Err(Error::Unaligned(_))));
    let mut hasher = ImageHasher::new();
    hasher.update(&image()[..0x700]).unwrap();
    assert!(matches!(hasher.finish(), Err(Error::Truncated { .. })));
}

proptest! {
    #[test]
    fn changed_images_never_panic(changes in prop::collection::vec((0_usize..0x400, any::<u8>()), 1..8)) {
        let mut image = image();
        append(&mut image, b"signature").unwrap();
        for (offset, byte) in changes {
            image[offset] = byte;
        }
        let _ = image_digest(&image);
        let _ = signatures(&image);
        let _ = append(&mut image, b"x");
    }

    #[test]
    fn every_hashed_byte_counts(offset in 0_usize..0x1000) {
        let mut image = image();
        let digest = image_digest(&image).unwrap();
        prop_assume!(offset < image.len());
        image[offset] ^= 1;
        let checksum = 0x58 + 64..0x58 + 68;
        let directory = 0x58 + 112 + 32..0x58 + 112 + 40;
        if !checksum.contains(&offset) && !directory.contains(&offset) {
            // A changed header may be an error, too.
            prop_assert!(image_digest(&image).ok() != Some(digest));
        }
    }
}
