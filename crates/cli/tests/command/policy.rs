//! The execution policy in a UKI, and the command line beside it: what `inspect` shows, and what
//! `verify` finds when the owner signed something that does not fit together.

use std::fs;

use artifact::uki;
use contract::esp;
use contract::manifest::Manifest;
use formats::cpio::{Entry, Kind, Writer};
use serde_json::Value;
use source::keys::{FileSigner, sign_attached};

use super::chain::{failed, json};
use super::place::{Place, VERSION, pe};

/// What the kernel's configuration must say for `execute = "signed"`.
const KERNEL: &str = "CONFIG_SECURITY_IPE=y\nCONFIG_IPE_PROP_DM_VERITY=y\n\
                      CONFIG_IPE_POLICY_SIG_PLATFORM_KEYRING=y\nCONFIG_LSM=\"yama,ipe\"\n";

const AS_SAID: &str = "execution policy as boot.json says";
const SIGNED: &str = "execution policy signed by the db certificate";
const ONLY: &str = "execution policy allows the manifest's images only";
const LINE: &str = "its command line is boot.json's";

/// A release in `out/` that restricts execution.
fn restricted() -> Place {
    let place = Place::new();
    place.configure("[image]", "[policy]\nexecute = 'signed'\n[image]");
    place.write(&format!("kernel/boot/config-{VERSION}"), KERNEL);
    place.sealboot(&["build", "--quiet"]).check("build", 0, &[]);
    place
}

fn manifest(place: &Place) -> Manifest {
    Manifest::from_json(&fs::read(place.path("out/release.json")).unwrap()).unwrap()
}

fn signer(place: &Place, folder: &str) -> FileSigner {
    let path = |name: &str| place.path(&format!("{folder}/{name}"));
    FileSigner::load(&path("db.key"), &path("db.crt"), None).unwrap()
}

/// The checks of a report with this name, by how they ended.
fn states(report: &Value, check: &str) -> Vec<String> {
    let checks = report["checks"].as_array().unwrap().iter();
    let states = checks.filter(|row| row["check"] == check);
    states
        .map(|row| row["state"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_policy_is_shown_and_holds() {
    let place = restricted();
    for (file, times) in [("out", 2), ("out/disk.img", 1), ("out/kernel.efi", 1)] {
        let report = json(&place, &["verify", file], 0);
        for check in [SIGNED, ONLY, LINE] {
            assert_eq!(states(&report, check), vec!["ok"; times], "{file}: {check}");
        }
    }
    let facts = json(&place, &["inspect", "out/kernel.efi"], 0);
    let text = contract::policy::text(&manifest(&place));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(facts["policy"]["lines"], serde_json::json!(lines));
    let signer = &facts["policy"]["signers"][0]["certificate"]["certificate"];
    assert_eq!(signer["subject"], "CN=sealboot owner db");
    for (file, words) in [
        ("out", "execution is restricted by the policy"),
        ("out/disk.img", "execution is restricted by the policy"),
        ("out/kernel.efi", "DEFAULT action=DENY"),
    ] {
        let ran = place.sealboot(&["inspect", file]);
        ran.check(file, 0, &[]);
        assert!(ran.stdout.contains(words), "{file}: {}", ran.stdout);
    }

    // The policy alone: what is signed is inside.
    let signed = sign_attached(&self::signer(&place, "keys"), text.as_bytes()).unwrap();
    place.write("ipe-policy.p7b", signed);
    let facts = json(&place, &["inspect", "ipe-policy.p7b"], 0);
    assert_eq!(facts["lines"], serde_json::json!(lines));
    let report = json(&place, &["verify", "ipe-policy.p7b"], 0);
    assert_eq!(
        states(&report, "signed by the db certificate"),
        ["ok"],
        "{report:#}"
    );
}

#[test]
fn a_release_without_a_policy_says_so() {
    let place = Place::new();
    place.sealboot(&["build", "--quiet"]).check("build", 0, &[]);
    let ran = place.sealboot(&["verify", "out/kernel.efi"]);
    ran.check("verify", 0, &[]);
    assert!(ran.stdout.contains("not restricted"), "{}", ran.stdout);
    let ran = place.sealboot(&["inspect", "out/kernel.efi"]);
    ran.check("inspect", 0, &[]);
    assert!(
        ran.stdout.contains("execution is not restricted"),
        "{}",
        ran.stdout
    );
}

/// What one row puts into a UKI that the owner signs.
struct Made {
    execute: Option<&'static str>,
    policy: Option<Vec<u8>>,
    /// Of the UKI; boot.json says `quiet`.
    line: &'static str,
}

/// What is wrong, and what of the UKI changes; the check that fails, and words of its break.
type Row = (
    &'static str,
    fn(&Place, &mut Made),
    &'static str,
    &'static [&'static str],
);

fn signed(place: &Place, text: &str) -> Option<Vec<u8>> {
    Some(sign_attached(&signer(place, "keys"), text.as_bytes()).unwrap())
}

fn text(place: &Place) -> String {
    contract::policy::text(&manifest(place))
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("no policy", |_, m| m.policy = None, AS_SAID,
        &["no policy: init stops", "no ipe-policy.p7b"]),
    ("a policy that nothing loads", |_, m| m.execute = Some("any"), AS_SAID,
        &["init does not load it"]),
    ("another signer", |p, m| m.policy = Some(sign_attached(&signer(p, "other"), text(p).as_bytes()).unwrap()), SIGNED,
        &["no signature by this certificate"]),
    ("no signature", |p, m| m.policy = Some(text(p).into_bytes()), SIGNED, &["PKCS#7"]),
    ("more allowed at the end", |p, m| m.policy = signed(p, &(text(p) + "op=EXECUTE action=ALLOW\n")), ONLY,
        &["line 7 of", "an empty line", "op=EXECUTE action=ALLOW"]),
    ("all allowed", |p, m| m.policy = signed(p, &text(p).replace("DENY", "ALLOW")), ONLY,
        &["line 2 of", "DEFAULT action=DENY", "DEFAULT action=ALLOW"]),
    ("another release's images", |p, m| {
        let mut other = manifest(p);
        for image in &mut other.images { image.root_hash = "0".repeat(64); }
        m.policy = signed(p, &contract::policy::text(&other));
    }, ONLY, &["line 3 of", "op=EXECUTE", "000000"]),
    ("less allowed", |p, m| m.policy = signed(p, text(p).lines().next().unwrap()), ONLY,
        &["line 2 of", "DEFAULT", "the end of the text"]),
    ("another command line", |_, m| m.line = "quiet debug", LINE,
        &["another command line", "quiet debug"]),
];

#[test]
fn what_the_owner_signed_must_fit_together() {
    let place = restricted();
    let create = ["keys", "create", "--no-passphrase", "--keys", "other"];
    place.sealboot(&create).check("keys create", 0, &[]);
    let check = |name: &str, made: &Made| {
        place.write("made.efi", uki_of(&place, made));
        let report = chain::verify(
            &place.path("made.efi"),
            &chain::Owner::open(&place.path("keys")).unwrap(),
            &mut |_, _| {},
        );
        serde_json::to_value(report.unwrap_or_else(|error| panic!("{name}: {error}"))).unwrap()
    };
    let good = || Made {
        execute: Some("signed"),
        policy: signed(&place, &text(&place)),
        line: "quiet",
    };
    assert_eq!(failed(&check("good", &good())), []);
    for (name, change, wrong, words) in ROWS {
        let mut made = good();
        change(&place, &mut made);
        let report = check(name, &made);
        assert_eq!(states(&report, wrong), ["failed"], "{name}: {report:#}");
        let failed = failed(&report);
        let said = failed[0].1[0].to_string();
        for word in *words {
            assert!(said.contains(word), "{name}: {word:?} is not in {said}");
        }
    }
    // Settings of another version of sealboot: what is not known is not judged.
    let unknown = Made {
        execute: None,
        ..good()
    };
    assert_eq!(
        states(&check("unknown", &unknown), AS_SAID),
        ["not checked"]
    );
}

/// A UKI with the release's manifest, signed by the owner.
fn uki_of(place: &Place, made: &Made) -> Vec<u8> {
    let mut boot = serde_json::json!({ "command_line": "quiet" });
    if let Some(execute) = made.execute {
        boot["execute"] = execute.into();
    }
    let boot = boot.to_string().into_bytes();
    let json = fs::read(place.path("out/release.json")).unwrap();
    let mut files = vec![(esp::BOOT, &boot)];
    files.extend(made.policy.as_ref().map(|policy| (esp::POLICY, policy)));
    files.push((esp::MANIFEST, &json));
    let mut archive = Writer::new(Vec::new());
    for (name, bytes) in files {
        let kind = Kind::File(bytes);
        let entry = Entry::root(name.as_bytes(), 0o644, 0, kind);
        archive.add(&entry).unwrap();
    }
    let initrd = archive.finish().unwrap();
    let parts = uki::Parts {
        os_release: "ID=test\n",
        cmdline: made.line,
        uname: VERSION,
        sbat: uki::DEFAULT_SBAT,
        ucode: None,
        initrd: initrd.as_slice().into(),
        linux: &pe(),
    };
    uki::build(&pe(), &parts, &signer(place, "keys")).unwrap()
}
