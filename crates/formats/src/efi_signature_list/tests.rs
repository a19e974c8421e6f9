use proptest::prelude::*;
use uguid::{Guid, guid};

use super::*;

const OWNER: Guid = guid!("11111111-2222-3333-4444-123456789abc");

#[test]
fn lists_are_read_as_written() {
    let lists = [
        x509_list(OWNER, b"certificate"),
        sha256_list(OWNER, &[[1; 32], [2; 32]]),
        x509_sha256_list(OWNER, &[3; 32], Timestamp::default()),
    ];
    let bytes = write(&lists);
    assert_eq!(bytes.len(), 28 + 16 + 11 + 28 + 2 * 48 + 28 + 16 + 48);
    assert_eq!(read(&bytes).unwrap(), lists);
    assert_eq!(read(&[]).unwrap(), []);
}

#[test]
fn signatures_of_other_sizes_start_new_lists() {
    let mut list = x509_list(OWNER, b"certificate");
    list.signatures
        .extend(x509_list(OWNER, b"longer certificate").signatures);
    let lists = read(&write(&[list])).unwrap();
    assert_eq!(
        lists,
        [
            x509_list(OWNER, b"certificate"),
            x509_list(OWNER, b"longer certificate")
        ]
    );
}

#[test]
fn impossible_sizes_are_refused() {
    let whole = write(&[sha256_list(OWNER, &[[1; 32]])]);
    for length in 1..whole.len() {
        assert!(read(&whole[..length]).is_err(), "{length}");
    }
    let mut other_type = whole.clone();
    other_type[..16].copy_from_slice(&CERT_X509_SHA256.to_bytes());
    assert!(matches!(read(&other_type), Err(Error::Sizes { .. })));
    for (offset, byte) in [(16, 0), (16, 200), (20, 1), (24, 0), (24, 16), (24, 24)] {
        let mut broken = whole.clone();
        broken[offset] = byte;
        assert!(
            matches!(read(&broken), Err(Error::Sizes { offset: 0, .. })),
            "{offset} {byte}"
        );
    }
}

#[test]
fn times_follow_the_calendar() {
    // date -u -d @SECONDS +%FT%TZ
    for (seconds, expected) in [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_798_761_599, "2026-12-31T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"),
    ] {
        let time = Timestamp::from_unix(seconds).unwrap();
        assert_eq!(time.to_string(), expected);
        assert_eq!(Timestamp::from_bytes(time.to_bytes()), time);
        assert_eq!(time.to_unix(), Some(seconds));
    }
    assert_eq!(Timestamp::from_unix(253_402_300_800), None);
    let time = Timestamp::from_unix(951_782_400).unwrap();
    for wrong in [
        Timestamp { year: 1969, ..time },
        Timestamp {
            year: 10_000,
            ..time
        },
        Timestamp { month: 0, ..time },
        Timestamp { month: 13, ..time },
        Timestamp { day: 0, ..time },
        Timestamp { day: 30, ..time },
        Timestamp { hour: 24, ..time },
        Timestamp { minute: 60, ..time },
        Timestamp { second: 60, ..time },
    ] {
        assert_eq!(wrong.to_unix(), None, "{wrong}");
    }
}

#[test]
fn signed_variables_are_read_as_written() {
    let time = Timestamp::from_unix(1_798_761_599).unwrap();
    let bytes = assemble(time, b"signed data", b"data");
    assert_eq!(bytes.len(), 40 + 11 + 4);
    let expected = Auth {
        time,
        signed_data: b"signed data".to_vec(),
        data: b"data".to_vec(),
    };
    assert_eq!(read_auth(&bytes).unwrap(), expected);
    for length in 0..40 + 11 {
        assert!(read_auth(&bytes[..length]).is_err(), "{length}");
    }
    let mut other = bytes;
    other[22] = 2;
    assert!(matches!(read_auth(&other), Err(Error::Value { .. })));
}

#[test]
fn the_signed_message_has_the_name_without_its_end() {
    let message = to_be_signed("db", OWNER, 0x27, Timestamp::default(), b"x");
    assert_eq!(message.len(), 4 + 16 + 4 + 16 + 1);
    assert!(message.starts_with(b"d\0b\0\x11\x11"));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
        let _ = read_auth(&bytes);
    }

    #[test]
    fn arbitrary_sizes_never_panic(sizes in any::<[u8; 12]>()) {
        let mut bytes = write(&[sha256_list(OWNER, &[[1; 32]])]);
        bytes[16..28].copy_from_slice(&sizes);
        let _ = read(&bytes);
    }
}

#[test]
fn every_field_is_shown() {
    use crate::fields::tests::{golden, hostile, nested};
    let certificate = include_bytes!("../../testdata/certificate.der");
    let time = Timestamp::from_unix(1_700_000_000).unwrap();
    let mut lists = vec![
        x509_list(OWNER, certificate),
        sha256_list(OWNER, &[[1; 32], [2; 32]]),
        x509_sha256_list(OWNER, &[3; 32], time),
    ];
    let bytes = write(&lists);
    let shown = super::fields(0, &bytes);
    nested(&shown);
    golden("signature_list", &shown);
    hostile(&bytes, 7, |bytes| super::fields(0, bytes));

    lists.remove(0);
    let message = include_bytes!("../../testdata/detached.p7s");
    let auth = assemble(time, message, &write(&lists));
    let shown = auth_fields(0, &auth);
    nested(&shown);
    golden("signed_variable", &shown);
    hostile(&auth, 7, |bytes| auth_fields(0, bytes));
}

#[test]
fn lists_that_are_refused_are_shown_as_far_as_they_go() {
    let bytes = write(&[sha256_list(OWNER, &[[1; 32], [2; 32]])]);
    let cut = &bytes[..bytes.len() - 10];
    assert!(read(cut).is_err());
    let words = |bytes: &[u8]| {
        let text = crate::fields::Lines(&super::fields(0, bytes)).to_string();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let text = words(cut);
    assert!(
        text.contains("38 of SignatureSize's 48 bytes are left"),
        "{text}"
    );
    let mut odd = bytes.clone();
    odd[24..28].fill(0);
    let text = words(&odd);
    assert!(text.contains("SignatureSize is too small"), "{text}");
}
