//! Whatever the mirror does: an error that names the file, nothing half-written under a final
//! name, and a good run afterwards.

use crate::fixture::*;
use crate::server::Answer;
use source::debian::Release;

type Sabotage = fn(&World);

fn in_release(world: &World, change: impl Fn(&str) -> String) {
    let text = String::from_utf8(world.server.file(IN_RELEASE)).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed);
    world.server.put(IN_RELEASE, changed.into_bytes());
}

fn publish(world: &World, change: impl Fn(&mut Contents)) {
    let mut contents = Contents::default();
    change(&mut contents);
    world.server.reset();
    contents.publish(&world.server, &world.key);
}

#[rustfmt::skip]
const CASES: &[(&str, Sabotage, &[&str])] = &[
    ("a stranger's key", |w| Contents::default().publish(&w.server, &key(2)),
        &["dists/trixie/InRelease is refused", "no valid signature", "its key is not in the keyring"]),
    ("altered text", |w| in_release(w, |t| t.replace("Origin: Test", "Origin: Tess")),
        &["InRelease is refused", "was altered"]),
    ("an altered digest", |w| in_release(w, |t| t.replacen("SHA256:\n 0", "SHA256:\n 1", 1).replace("Suite: s", "Suite: S")),
        &["InRelease is refused", "was altered"]),
    ("another text's signature", |w| {
        let text = Contents { date: YESTERDAY, ..Contents::default() }.put(&w.server);
        let other = Signing::default().sign(&text, &w.key.primary_key);
        let other = String::from_utf8(other).unwrap();
        let signature = other.split_once("-----BEGIN PGP SIGNATURE").unwrap().1.to_owned();
        in_release(w, |t| format!("{}-----BEGIN PGP SIGNATURE{signature}", t.split_once("-----BEGIN PGP SIGNATURE").unwrap().0));
    }, &["InRelease is refused", "was altered"]),
    ("text before the signed one", |w| in_release(w, |t| format!("Codename: sid\n{t}")),
        &["InRelease is refused", "must be first"]),
    ("text after the signed one", |w| in_release(w, |t| format!("{t}Codename: sid\n")),
        &["InRelease is refused", "nothing may follow"]),
    ("two messages", |w| in_release(w, |t| format!("{t}{t}")),
        &["InRelease is refused", "nothing may follow"]),
    ("a header that is not signed", |w| in_release(w, |t| t.replacen("Hash: SHA256", "Hash: SHA256\nCodename: sid", 1)),
        &["InRelease is refused", "only \"Hash:\""]),
    ("a login page", |w| w.server.put(IN_RELEASE, b"<html>Please pay".to_vec()),
        &["InRelease is refused", "not a clear-signed file", "must be first"]),
    ("no signature", |w| in_release(w, |t| t.split_once("-----BEGIN PGP SIGNATURE").unwrap().0.to_owned()),
        &["InRelease is refused", "ends before"]),
    ("an expired suite", |w| publish(w, |c| c.valid_until = Some(YESTERDAY)),
        &["InRelease is refused", "was valid until Fri, 20 Nov 2026 09:15:44 UTC", "clock says Sat, 21 Nov 2026"]),
    ("a suite from the future", |w| publish(w, |c| c.date = TOMORROW),
        &["InRelease is refused", "made on Sun, 22 Nov 2026", "set the clock"]),
    ("another suite", |w| publish(w, |c| c.codename = "sid"),
        &["InRelease is refused", "for the suite \"stable\" with the codename \"sid\", \"trixie\" was asked for"]),
    ("a date that is none", |w| publish(w, |c| c.date = "yesterday"),
        &["InRelease is refused", "field Date is \"yesterday\""]),
    ("an InRelease without end", |w| w.server.always(IN_RELEASE, Answer::Endless),
        &["dists/trixie/InRelease", "sends more than"]),
    ("no InRelease", |w| w.server.remove("InRelease"),
        &["dists/trixie/InRelease", "answered 404 Not Found", "check the mirror"]),
    ("altered packages", |w| w.server.change("binary-amd64", |b| b[40] ^= 1),
        &["by-hash/SHA256/", "SHA-256 is", "is expected"]),
    ("longer packages", |w| w.server.change("binary-amd64", |b| b.push(0)),
        &["by-hash/SHA256/", "the server sends"]),
    ("shorter packages", |w| w.server.change("binary-amd64", |b| b.truncate(b.len() - 1)),
        &["by-hash/SHA256/", "the server sends"]),
    ("no packages", |w| w.server.remove("binary-amd64"),
        &["by-hash/SHA256/", "answered 404"]),
    ("signed garbage for packages", |w| publish(w, |c| c.packages = Some(noise(500))),
        &["main/binary-amd64/Packages.xz cannot be read"]),
    ("packages cut in the middle, and signed so", |w| publish(w, |c| {
        c.packages = Some(w.server.file(PACKAGES)[..100].to_vec());
    }), &["main/binary-amd64/Packages.xz cannot be read"]),
    ("a bomb", |w| publish(w, |c| c.packages = Some(xz(&vec![b'\n'; 10_000_000]))),
        &["main/binary-amd64/Packages.xz cannot be read", "longer than its InRelease says"]),
    ("packages that are none", |w| publish(w, |c| c.packages = Some(xz(b"Package: small\n"))),
        &["main/binary-amd64/Packages.xz cannot be read", "\"small\" has the Version \"\""]),
    ("an altered package", |w| w.server.change(BIG, |b| b[50_000] ^= 1),
        &["pool/big_1_amd64.deb", "SHA-256 is", "another mirror"]),
    ("a longer package", |w| w.server.change(BIG, |b| b.push(0)),
        &["pool/big_1_amd64.deb", "the server sends"]),
    ("a shorter package", |w| w.server.change(BIG, |b| b.truncate(b.len() - 1)),
        &["pool/big_1_amd64.deb", "the server sends"]),
    ("a package without end", |w| w.server.always(BIG, Answer::Endless),
        &["pool/big_1_amd64.deb", "the server sends at least"]),
    ("no package", |w| w.server.remove(BIG),
        &["pool/big_1_amd64.deb", "answered 404"]),
    ("a package that is not for us", |w| w.server.always(BIG, Answer::Status(403)),
        &["pool/big_1_amd64.deb", "answered 403 Forbidden"]),
    ("a broken server", |w| w.server.always(BIG, Answer::Status(503)),
        &["pool/big_1_amd64.deb", "answered 503", "try later"]),
    ("a cut connection", |w| w.server.always(BIG, Answer::CutAfter(1000)),
        &["pool/big_1_amd64.deb", "2000 of ", "run it again"]),
    ("a hung up connection", |w| w.server.always(BIG, Answer::Hangup),
        &["pool/big_1_amd64.deb", "0 of ", "in 2 tries"]),
    ("not HTTP", |w| w.server.always(BIG, Answer::Garbage),
        &["pool/big_1_amd64.deb"]),
    ("a redirect to itself", |w| { let to = w.server.url(BIG); w.server.always(BIG, Answer::Redirect(to)); },
        &["pool/big_1_amd64.deb", "redirects in circles"]),
];

#[test]
fn a_hostile_mirror_is_refused_and_a_good_one_works_afterwards() {
    for (name, sabotage, expected) in CASES {
        let world = World::new();
        sabotage(&world);
        let error = world.fetch().expect_err(name);
        for text in *expected {
            assert!(error.contains(text), "{name}: {text:?} is not in: {error}");
        }
        assert!(
            error.contains(&world.server.url("/debian")),
            "{name}: no URL in: {error}"
        );
        world.check_cache();
        publish(&world, |_| {});
        world.fetch_well();
        assert_eq!(world.parts(), [], "{name}");
    }
}

#[test]
fn an_older_release_is_a_replay_until_it_is_allowed() {
    let mut world = World::new();
    world.fetch_well();
    publish(&world, |contents| contents.date = YESTERDAY);
    let error = world.fetch().unwrap_err();
    for text in ["InRelease is refused", YESTERDAY, TODAY, "allow_older"] {
        assert!(error.contains(text), "{text}: {error}");
    }
    world.archive.allow_older = true;
    world.fetch_well();
    // It was let through, not remembered: the newest one still counts.
    world.archive.allow_older = false;
    assert!(world.fetch().is_err());
    publish(&world, |_| {});
    world.fetch_well();
}

#[test]
fn an_expired_release_can_be_allowed() {
    let mut world = World::new();
    publish(&world, |contents| contents.valid_until = Some(YESTERDAY));
    assert!(world.fetch().is_err());
    world.archive.allow_expired = true;
    world.fetch_well();
}

#[test]
fn a_component_that_is_not_there_is_named() {
    let mut world = World::new();
    world.archive.components.push("non-free".to_owned());
    let error = world.fetch().unwrap_err();
    assert!(
        error.contains("lists no non-free/binary-amd64/Packages.xz"),
        "{error}"
    );
    assert!(error.contains("its components are main"), "{error}");
}

/// What is signed is what is parsed: a changed byte anywhere is refused, or changes nothing.
#[test]
fn no_single_byte_can_change_what_is_believed() {
    let world = World::new();
    let good = world.server.file(IN_RELEASE);
    let verify = |bytes: &[u8]| Release::verify(bytes, &world.archive.keyring, NOW);
    let expected = format!("{:?}", verify(&good).unwrap());
    for at in 0..good.len() {
        for change in [1_u8, 0x20, 0x80] {
            let mut bytes = good.clone();
            bytes[at] ^= change;
            if let Ok(found) = verify(&bytes) {
                assert_eq!(format!("{found:?}"), expected, "byte {at}");
            }
        }
        let _ = verify(&good[..at]);
    }
}
