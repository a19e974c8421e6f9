//! Signed states of PCR 11: in a release, in one whose key is elsewhere, in a UKI of files.

use std::fs;

use formats::pe::Pe;
use serde_json::Value;

use crate::place::{Place, SEALBOOT, pe};

/// A place with a key that is not the owner's, named in the configuration.
fn place() -> Place {
    let place = Place::new();
    let create = ["keys", "create", "--no-passphrase", "--keys", "more"];
    place.sealboot(&create).check("create", 0, &[]);
    fs::rename(place.path("more/db.key"), place.path("pcr.key")).unwrap();
    place.configure("[uki]", "[uki]\npcr_key = 'pcr.key'");
    place
}

/// The content of a section; nothing where it is not there.
fn section(place: &Place, uki: &str, name: &str) -> Option<String> {
    let bytes = fs::read(place.path(uki)).unwrap();
    let pe = Pe::parse(&bytes).unwrap();
    let content = pe.content(pe.section(name)?);
    let text = String::from_utf8(content.to_vec()).unwrap();
    Some(text.trim_end_matches('\0').to_owned())
}

/// How many states are signed, each once.
fn states(place: &Place, uki: &str) -> usize {
    let text = section(place, uki, ".pcrsig").expect("there are signatures");
    let signed: Value = serde_json::from_str(&text).unwrap();
    let mut policies: Vec<&str> = (signed["sha256"].as_array().unwrap().iter())
        .map(|row| row["pol"].as_str().unwrap())
        .collect();
    let all = policies.len();
    policies.sort_unstable();
    policies.dedup();
    assert_eq!(policies.len(), all);
    all
}

#[test]
fn a_release_has_them_in_one_pass_and_in_two() {
    let place = place();
    place
        .sealboot(&["build", "-q", "--out", "one"])
        .check("build", 0, &[]);
    let key = section(&place, "one/kernel.efi", ".pcrpkey").unwrap();
    assert!(key.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{key}");
    assert_eq!(states(&place, "one/kernel.efi"), 3);
    place.sealboot(&["verify", "one"]).check("verify", 0, &[]);

    place
        .sealboot(&["keys", "export", "public"])
        .check("export", 0, &[]);
    let unsigned = ["build", "-q", "--unsigned", "--keys", "public"];
    place.sealboot(&unsigned).check("unsigned", 0, &[]);
    place
        .sealboot(&["sign", "out/to-sign", "--yes", "1"])
        .check("sign", 0, &[]);
    let attach = ["attach", "out", "signatures", "--keys", "public"];
    place.sealboot(&attach).check("attach", 0, &[]);
    assert_eq!(place.files("out"), place.files("one"));

    // Another command line is another state.
    let before = section(&place, "one/kernel.efi", ".pcrsig");
    place.configure("[uki]", "[uki]\ncommand_line = 'quiet'");
    place.sealboot(&["build", "-q"]).check("build", 0, &[]);
    assert_ne!(section(&place, "out/kernel.efi", ".pcrsig"), before);
    assert_eq!(section(&place, "out/kernel.efi", ".pcrpkey"), Some(key));
    // Without the key there are no such sections.
    place.configure("pcr_key = 'pcr.key'", "");
    place.sealboot(&["build", "-q"]).check("build", 0, &[]);
    assert_eq!(section(&place, "out/kernel.efi", ".pcrpkey"), None);
    assert_eq!(section(&place, "out/kernel.efi", ".pcrsig"), None);
}

#[test]
fn a_uki_of_files_has_those_that_were_asked_for() {
    let place = place();
    for (name, bytes) in [
        ("vmlinuz", pe()),
        ("stub.efi", pe()),
        ("initrd", b"an initrd".to_vec()),
    ] {
        place.write(name, bytes);
    }
    let words = "uki build --kernel vmlinuz --initrd initrd --stub stub.efi --command-line quiet";
    let build = |more: &[&str]| {
        let words: Vec<&str> = words.split(' ').chain(more.iter().copied()).collect();
        place.sealboot(&words)
    };
    build(&["--pcr-key", "pcr.key"]).check("systemd's phases", 0, &[]);
    assert_eq!(states(&place, "kernel.efi"), 4);
    let from_a_file = section(&place, "kernel.efi", ".pcrsig");
    // A pipe cannot be read twice, and is not.
    let line = format!(
        "cat initrd | {SEALBOOT} {} --pcr-key pcr.key -o piped.efi",
        words.replace("--initrd initrd", "--initrd /dev/stdin")
    );
    place.line(&line).check("from a pipe", 0, &[]);
    assert_eq!(section(&place, "piped.efi", ".pcrsig"), from_a_file);
    let some = [
        "--pcr-key",
        "pcr.key",
        "--pcr-phase",
        "",
        "--pcr-phase",
        "sysinit",
    ];
    build(&some).check("two states", 0, &[]);
    assert_eq!(states(&place, "kernel.efi"), 2);

    place.write("certificate", fs::read(place.path("keys/db.crt")).unwrap());
    place.write("secret", "a passphrase\n");
    let create = [
        "keys",
        "create",
        "--passphrase-file",
        "secret",
        "--keys",
        "closed",
    ];
    place.sealboot(&create).check("create", 0, &[]);
    let cases: [(&[&str], i32, &str); 4] = [
        (&["--pcr-key", "nowhere"], 5, "nowhere"),
        (&["--pcr-key", "certificate"], 5, "is not a private key"),
        (&["--pcr-key", "closed/db.key"], 5, "--passphrase-file"),
        (&["--pcr-phase", "sysinit"], 2, "--pcr-key"),
    ];
    for (more, code, words) in cases {
        build(&[more, &["-o", "none.efi"]].concat()).check(words, code, &[words]);
        assert!(!place.path("none.efi").exists(), "{words}");
    }
    let closed = ["--pcr-key", "closed/db.key", "--passphrase-file", "secret"];
    build(&closed).check("with a passphrase", 0, &[]);
}
