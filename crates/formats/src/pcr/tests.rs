//! Against values computed by hand with sha256sum, and by others.

use std::convert::Infallible;

use super::*;

#[test]
fn extending_is_hashing_old_and_new() {
    let mut pcr = Pcr::START;
    assert_eq!(pcr.to_string(), "0".repeat(64));
    pcr.extend(&[0; 32]);
    // printf '%064d' 0 … : SHA-256 of 64 zeros.
    let expected = "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b";
    assert_eq!(pcr.to_string(), expected);
    let mut other = Pcr::START;
    other.measure(b"");
    assert_ne!(other, pcr);
}

#[test]
fn only_what_is_there_is_measured_and_in_order() {
    let of = |sections: &[(&str, &[u8])]| {
        let digest = |name: &str| {
            let found = sections.iter().find(|(section, _)| *section == name);
            Ok::<_, Infallible>(found.map(|(_, content)| Sha256::digest(content).into()))
        };
        let Ok(pcr) = stub(digest);
        pcr
    };
    assert_eq!(of(&[]), Pcr::START);
    let base = of(&[(".linux", b"k"), (".osrel", b"o")]);
    assert_eq!(
        base,
        of(&[(".osrel", b"o"), (".linux", b"k"), (".pcrsig", b"s")])
    );
    assert_ne!(base, of(&[(".linux", b"k"), (".osrel", b"p")]));
    let mut expected = Pcr::START;
    for bytes in [&b".linux\0"[..], b"k", b".osrel\0", b"o"] {
        expected.measure(bytes);
    }
    assert_eq!(base, expected);
}

#[test]
fn each_phase_builds_on_the_one_before() {
    let phases = phases(Pcr::START);
    let names: Vec<&str> = phases.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[1], "enter-initrd:leave-initrd");
    assert_eq!(names.len(), 4);
    let mut second = phases[0].1;
    second.measure(b"leave-initrd");
    assert_eq!(second, phases[1].1);
}

#[test]
fn every_part_of_the_firmwares_state_tells() {
    let state = SecureBoot {
        on: true,
        pk: b"pk",
        kek: b"kek",
        db: b"db",
        dbx: b"",
        authority: Some(b"owner and certificate"),
    };
    let mut all = vec![
        secure_boot(&state),
        secure_boot(&SecureBoot { on: false, ..state }),
        secure_boot(&SecureBoot { pk: b"", ..state }),
        secure_boot(&SecureBoot {
            kek: b"pk",
            ..state
        }),
        secure_boot(&SecureBoot {
            db: b"dbx",
            ..state
        }),
        secure_boot(&SecureBoot { dbx: b"x", ..state }),
        secure_boot(&SecureBoot {
            authority: None,
            ..state
        }),
    ];
    let count = all.len();
    all.sort_by_key(|pcr| *pcr.value());
    all.dedup();
    assert_eq!(all.len(), count);
}
