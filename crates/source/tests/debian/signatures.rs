//! Which signatures count.

use crate::fixture::*;
use pgp::composed::{SignedPublicKey, SignedSecretKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::types::{Duration, KeyDetails, Password, Tag, Timestamp};
use source::debian::{Keyring, Release};

const DAY: u64 = 86_400;

fn text() -> String {
    Contents::default().put(&crate::server::Server::start())
}

fn verify(file: &[u8], key: &SignedPublicKey) -> Result<Release, String> {
    Release::verify(file, &keyring(key), NOW).map_err(|error| chain(&error))
}

fn refused(file: &[u8], key: &SignedPublicKey, expected: &str) {
    let error = verify(file, key).unwrap_err();
    assert!(error.contains(expected), "{expected}: {error}");
}

/// A signature of the primary key over itself or its user id.
fn by_itself(
    key: &SignedSecretKey,
    kind: SignatureType,
    more: Vec<SubpacketData>,
) -> SignatureConfig {
    let mut config = SignatureConfig::v4(kind, key.algorithm(), HashAlgorithm::Sha256);
    let made = Timestamp::from_secs(NOW as u32);
    let all = [
        SubpacketData::SignatureCreationTime(made),
        SubpacketData::IssuerFingerprint(key.fingerprint()),
    ];
    let all = all.into_iter().chain(more);
    config.hashed_subpackets = all.map(|data| Subpacket::regular(data).unwrap()).collect();
    config
}

#[test]
fn the_primary_key_and_its_signing_subkey_count() {
    let key = key(1);
    let signed = Signing::default().sign(&text(), &key.primary_key);
    let release = verify(&signed, &key.to_public_key()).unwrap();
    assert!(
        release.signers[0].starts_with("Test key 1 ("),
        "{:?}",
        release.signers
    );
    let signed = Signing::default().sign(&text(), &key.secret_subkeys[0].key);
    verify(&signed, &key.to_public_key()).unwrap();
}

#[test]
fn one_good_signature_is_enough_beside_a_stranger() {
    let (mine, other) = (key(1), key(2));
    let signed = Signing::default().sign(&text(), &mine.primary_key);
    let mut both = Keyring::default();
    for key in [&other, &mine] {
        use pgp::ser::Serialize;
        both.add("of the test", &key.to_public_key().to_bytes().unwrap())
            .unwrap();
    }
    let release = Release::verify(&signed, &both, NOW).unwrap();
    assert_eq!(release.signers.len(), 1);
}

#[test]
fn a_weak_hash_does_not_count() {
    // Ed25519 has no weak hashes in the pgp crate; RSA has.
    let key = key_of(pgp::composed::KeyType::Rsa(2048), 1);
    let sign = |hash| {
        Signing {
            hash,
            ..Signing::default()
        }
        .sign(&text(), &key.primary_key)
    };
    for hash in [HashAlgorithm::Sha1, HashAlgorithm::Sha224] {
        refused(&sign(hash), &key.to_public_key(), "too weak");
    }
    for hash in [HashAlgorithm::Sha256, HashAlgorithm::Sha512] {
        verify(&sign(hash), &key.to_public_key()).unwrap();
    }
}

#[test]
fn only_signatures_over_text_count() {
    let key = key(1);
    let signing = Signing {
        kind: SignatureType::Binary,
        ..Signing::default()
    };
    refused(
        &signing.sign(&text(), &key.primary_key),
        &key.to_public_key(),
        "not a signature over text",
    );
}

#[test]
fn time_counts() {
    let key = key(1);
    let sign = |at, more| {
        Signing {
            at,
            more,
            ..Signing::default()
        }
        .sign(&text(), &key.primary_key)
    };
    let public = key.to_public_key();
    refused(&sign(NOW + DAY, vec![]), &public, "made in the future");
    refused(
        &sign(u64::from(KEY_MADE) - 1, vec![]),
        &public,
        "was made later",
    );
    let lasts = |seconds| {
        vec![
            Subpacket::regular(SubpacketData::SignatureExpirationTime(Duration::from_secs(
                seconds,
            )))
            .unwrap(),
        ]
    };
    refused(
        &sign(NOW - DAY, lasts(3600)),
        &public,
        "expired on Fri, 20 Nov 2026 10:15:44 UTC",
    );
    verify(&sign(NOW - DAY, lasts(90_000)), &public).unwrap();
    verify(&sign(NOW - DAY, lasts(0)), &public).unwrap();
}

#[test]
fn conditions_that_are_not_understood_do_not_pass() {
    let key = key(1);
    let unknown = SubpacketData::Experimental(101, vec![1].into());
    let with = |packet| {
        Signing {
            more: vec![packet],
            ..Signing::default()
        }
        .sign(&text(), &key.primary_key)
    };
    verify(
        &with(Subpacket::regular(unknown.clone()).unwrap()),
        &key.to_public_key(),
    )
    .unwrap();
    let critical = with(Subpacket::critical(unknown).unwrap());
    refused(&critical, &key.to_public_key(), "not understood");
}

#[test]
fn a_revoked_key_does_not_count() {
    let key = key(1);
    let mut public = key.to_public_key();
    let config = by_itself(&key, SignatureType::KeyRevocation, vec![]);
    let revocation = config
        .sign_key(&key.primary_key, &Password::empty(), &public.primary_key)
        .unwrap();
    public.details.revocation_signatures.push(revocation);
    let signed = Signing::default().sign(&text(), &key.primary_key);
    refused(&signed, &public, "is revoked");
    let signed = Signing::default().sign(&text(), &key.secret_subkeys[0].key);
    refused(&signed, &public, "is revoked");
}

#[test]
fn a_strangers_revocation_does_not_count() {
    let (key, other) = (key(1), key(2));
    let mut public = key.to_public_key();
    let config = by_itself(&other, SignatureType::KeyRevocation, vec![]);
    let revocation = config
        .sign_key(&other.primary_key, &Password::empty(), &public.primary_key)
        .unwrap();
    public.details.revocation_signatures.push(revocation);
    verify(&Signing::default().sign(&text(), &key.primary_key), &public).unwrap();
}

#[test]
fn a_key_must_not_have_expired_when_it_signed() {
    let key = key(1);
    let mut public = key.to_public_key();
    // The key ends a day before now.
    let ends = NOW - DAY - u64::from(KEY_MADE);
    let mut flags = pgp::packet::KeyFlags::default();
    flags.set_sign(true);
    flags.set_certify(true);
    let more = vec![
        SubpacketData::KeyExpirationTime(Duration::from_secs(ends as u32)),
        SubpacketData::KeyFlags(flags),
    ];
    let config = by_itself(&key, SignatureType::CertPositive, more);
    let user = &mut public.details.users[0];
    let signature = config
        .sign_certification(
            &key.primary_key,
            &public.primary_key,
            &Password::empty(),
            Tag::UserId,
            &user.id,
        )
        .unwrap();
    user.signatures = vec![signature];
    let sign = |at| {
        Signing {
            at,
            ..Signing::default()
        }
        .sign(&text(), &key.primary_key)
    };
    refused(
        &sign(NOW),
        &public,
        "had expired on Fri, 20 Nov 2026 09:15:44 UTC",
    );
    verify(&sign(NOW - 2 * DAY), &public).unwrap();
}

#[test]
fn a_subkey_must_be_bound_by_its_own_primary_key() {
    let (mine, other) = (key(1), key(2));
    let mut public = mine.to_public_key();
    // Somebody hangs a stranger's subkey below the key: the binding is by the stranger.
    public.public_subkeys = other.to_public_key().public_subkeys;
    let signed = Signing::default().sign(&text(), &other.secret_subkeys[0].key);
    refused(&signed, &public, "is not bound to its key");
}

#[test]
fn a_subkey_must_be_for_signing_and_sign_back() {
    let key = key(1);
    let signed = Signing::default().sign(&text(), &key.secret_subkeys[0].key);
    let mut flags = pgp::packet::KeyFlags::default();
    flags.set_sign(true);
    // A binding without the subkey's own signature, with and without the flag.
    for more in [vec![SubpacketData::KeyFlags(flags)], vec![]] {
        let mut public = key.to_public_key();
        let primary = public.primary_key.clone();
        let subkey = &mut public.public_subkeys[0];
        let config = by_itself(&key, SignatureType::SubkeyBinding, more);
        let binding = config
            .sign_subkey_binding(&key.primary_key, &primary, &Password::empty(), &subkey.key)
            .unwrap();
        subkey.signatures = vec![binding];
        refused(&signed, &public, "is not meant for signing");
    }
}

#[test]
fn debians_own_keys_are_all_there() {
    let keys: Vec<String> = Keyring::debian()
        .unwrap()
        .keys()
        .map(|(print, _)| print)
        .collect();
    // The fingerprints in keys/README.md.
    let readme = include_str!("../../src/debian/keys/README.md");
    let listed: Vec<String> = readme
        .lines()
        .filter(|line| line.starts_with("| 1"))
        .map(|line| line.split('|').nth(3).unwrap().replace(' ', ""))
        .collect();
    assert_eq!(listed.len(), 9);
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    assert_eq!(sorted(keys), sorted(listed));
}

#[test]
fn what_is_not_a_keyring_is_refused() {
    let mut keyring = Keyring::default();
    for bytes in [
        &b""[..],
        b"garbage",
        b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxx",
        b"\x99\x01",
    ] {
        assert!(keyring.add("the file", bytes).is_err(), "{bytes:?}");
    }
    let error = Keyring::from_files(&["/nonexistent.pgp"])
        .unwrap_err()
        .to_string();
    assert!(error.contains("/nonexistent.pgp"), "{error}");
}

#[test]
fn armored_keyrings_are_read_too_even_several_in_one_file() {
    let armor = |seed| {
        key(seed)
            .to_public_key()
            .to_armored_string(pgp::composed::ArmorOptions::default())
            .unwrap()
    };
    let mut keyring = Keyring::default();
    keyring
        .add("the file", format!("{}{}", armor(1), armor(2)).as_bytes())
        .unwrap();
    assert_eq!(keyring.keys().count(), 2);
}
