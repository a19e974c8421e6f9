//! The execution policy of a release, and the command line of its UKI: what `inspect` shows, and what
//! `verify` finds when the owner signed something that does not fit together.

use std::fs;

use artifact::uki;
use contract::esp;
use contract::manifest::Manifest;
use formats::cpio::{Entry, Kind, Writer};
use serde_json::Value;
use source::keys::{FileSigner, sign_attached, sign_detached};

use super::chain::{failed, json};
use super::place::{Place, VERSION, pe};

/// What the kernel's configuration must say for `execute = "signed"`.
const KERNEL: &str = "CONFIG_SECURITY_IPE=y\nCONFIG_IPE_PROP_DM_VERITY=y\n\
                      CONFIG_IPE_POLICY_SIG_PLATFORM_KEYRING=y\nCONFIG_LSM=\"yama,ipe\"\n";

const FILE: &str = "release.policy.p7b";
const AS_SAID: &str = "execution policy as boot.json says";
const SIGNED: &str = "signed by the db certificate";
const ONLY: &str = "allows the manifest's images only";
const LINE: &str = "its command line is boot.json's";

/// A release in `out/` that restricts execution.
pub(crate) fn restricted() -> Place {
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

/// How the check of an object ended, where there is one.
fn state(report: &Value, object: &str, check: &str) -> Option<String> {
    let mut checks = report["checks"].as_array().unwrap().iter();
    let row = checks
        .find(|row| row["check"] == check && row["object"].as_str().unwrap().ends_with(object));
    row.map(|row| row["state"].as_str().unwrap().to_owned())
}

#[test]
fn a_policy_is_shown_and_holds() {
    let place = restricted();
    for (file, all) in [
        ("out", true),
        ("out/disk.img", true),
        ("out/kernel.efi", false),
    ] {
        let report = json(&place, &["verify", file], 0);
        for (object, check) in [(".efi", AS_SAID), (".efi", LINE)] {
            let found =
                state(&report, &object.to_uppercase(), check).or(state(&report, object, check));
            assert_eq!(found.as_deref(), Some("ok"), "{file}: {check}");
        }
        // Nothing on the disk is of unknown origin.
        assert_eq!(
            state(&report, "other files", "no part of the release"),
            None,
            "{file}"
        );
        for check in [SIGNED, ONLY] {
            let found = state(&report, FILE, check);
            assert_eq!(found.as_deref(), all.then_some("ok"), "{file}: {check}");
        }
    }
    let text = contract::policy::text(&manifest(&place));
    let lines: Vec<&str> = text.lines().collect();
    let policy = format!("out/{FILE}");
    let facts = json(&place, &["inspect", &policy], 0);
    assert_eq!(facts["lines"], serde_json::json!(lines));
    let signer = &facts["signers"][0]["certificate"]["certificate"];
    assert_eq!(signer["subject"], "CN=sealboot owner db");
    for (file, words) in [
        ("out", "execution is restricted"),
        ("out/disk.img", "execution is restricted"),
        (&policy, "DEFAULT action=DENY"),
    ] {
        let ran = place.sealboot(&["inspect", file]);
        ran.check(file, 0, &[]);
        assert!(ran.stdout.contains(words), "{file}: {}", ran.stdout);
    }
    let report = json(&place, &["verify", &policy], 0);
    assert_eq!(state(&report, FILE, SIGNED).as_deref(), Some("ok"));
}

#[test]
fn a_release_without_a_policy_says_so() {
    let place = Place::new();
    place.sealboot(&["build", "--quiet"]).check("build", 0, &[]);
    let ran = place.sealboot(&["verify", "out/kernel.efi"]);
    ran.check("verify", 0, &[]);
    let words = "any program may be executed";
    assert!(ran.stdout.contains(words), "{}", ran.stdout);
    let ran = place.sealboot(&["inspect", "out/kernel.efi"]);
    ran.check("inspect", 0, &[]);
    assert!(
        ran.stdout.contains("execution is not restricted"),
        "{}",
        ran.stdout
    );
}

/// What one row makes of the release.
struct Made {
    /// What boot.json says, if anything.
    execute: Option<&'static str>,
    /// What the manifest says.
    file: Option<&'static str>,
    /// What is in the policy's file, if there is one.
    policy: Option<Vec<u8>>,
    /// Of the UKI; boot.json says `quiet`.
    line: &'static str,
}

/// What is wrong, and what of the release changes; the object and check that fail, and words of its break.
type Row = (
    &'static str,
    fn(&Place, &mut Made),
    (&'static str, &'static str),
    &'static [&'static str],
);

fn signed(place: &Place, text: &str) -> Option<Vec<u8>> {
    Some(sign_attached(&signer(place, "keys"), text.as_bytes()).unwrap())
}

fn text(place: &Place) -> String {
    contract::policy::text(&manifest(place))
}

const UKI: &str = "kernel.efi";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("no policy", |_, m| m.file = None, (UKI, AS_SAID),
        &["no policy: init stops", "no policy in the manifest"]),
    ("a policy that nothing loads", |_, m| m.execute = Some("any"), (UKI, AS_SAID),
        &["init does not load it"]),
    ("no file", |_, m| m.policy = None, (FILE, SIGNED), &["the file is missing"]),
    ("another signer", |p, m| m.policy = Some(sign_attached(&signer(p, "other"), text(p).as_bytes()).unwrap()), (FILE, SIGNED),
        &["no signature by this certificate"]),
    ("no signature", |p, m| m.policy = Some(text(p).into_bytes()), (FILE, SIGNED), &["PKCS#7"]),
    ("more allowed at the end", |p, m| m.policy = signed(p, &(text(p) + "op=EXECUTE action=ALLOW\n")), (FILE, ONLY),
        &["line 7", "an empty line", "op=EXECUTE action=ALLOW"]),
    ("all allowed", |p, m| m.policy = signed(p, &text(p).replace("DENY", "ALLOW")), (FILE, ONLY),
        &["line 2", "DEFAULT action=DENY", "DEFAULT action=ALLOW"]),
    ("another release's images", |p, m| {
        let mut other = manifest(p);
        for image in &mut other.images { image.root_hash = "0".repeat(64); }
        m.policy = signed(p, &contract::policy::text(&other));
    }, (FILE, ONLY), &["line 3", "op=EXECUTE", "000000"]),
    ("less allowed", |p, m| m.policy = signed(p, text(p).lines().next().unwrap()), (FILE, ONLY),
        &["line 2", "DEFAULT", "the end of the text"]),
    ("another command line", |_, m| m.line = "quiet debug", (UKI, LINE),
        &["another command line", "quiet debug"]),
];

#[test]
fn what_the_owner_signed_must_fit_together() {
    let place = restricted();
    let create = ["keys", "create", "--no-passphrase", "--keys", "other"];
    place.sealboot(&create).check("keys create", 0, &[]);
    let built = manifest(&place);
    let check = |name: &str, made: &Made| {
        let manifest = Manifest {
            policy: made.file.map(str::to_owned),
            ..built.clone()
        };
        let json = manifest.to_json();
        place.write("out/kernel.efi", uki_of(&place, made, &json));
        place.write(
            "out/release.json.p7s",
            sign_detached(&signer(&place, "keys"), &json).unwrap(),
        );
        place.write("out/release.json", json);
        let file = place.path(&format!("out/{FILE}"));
        match &made.policy {
            Some(policy) => fs::write(file, policy).unwrap(),
            None => fs::remove_file(file).unwrap(),
        }
        let owner = chain::Owner::open(&place.path("keys")).unwrap();
        let report = chain::verify(&place.path("out"), &owner, &mut |_, _| {});
        let report = report.unwrap_or_else(|error| panic!("{name}: {error}"));
        serde_json::to_value(report).unwrap()
    };
    let good = || Made {
        execute: Some("signed"),
        file: Some(FILE),
        policy: signed(&place, &contract::policy::text(&built)),
        line: "quiet",
    };
    // The disk image beside it is of the release as it was built.
    place.remove("out/disk.img");
    assert_eq!(failed(&check("good", &good())), []);
    for (name, change, (object, wrong), words) in ROWS {
        check("good", &good());
        let mut made = good();
        change(&place, &mut made);
        let report = check(name, &made);
        let found = state(&report, object, wrong);
        assert_eq!(found.as_deref(), Some("failed"), "{name}: {report:#}");
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
    let report = check("unknown", &unknown);
    assert_eq!(state(&report, UKI, AS_SAID).as_deref(), Some("not checked"));
}

/// A UKI that pins a manifest, signed by the owner.
fn uki_of(place: &Place, made: &Made, manifest: &[u8]) -> Vec<u8> {
    let mut boot = serde_json::json!({ "command_line": "quiet" });
    if let Some(execute) = made.execute {
        boot["execute"] = execute.into();
    }
    let boot = boot.to_string().into_bytes();
    let mut archive = Writer::new(Vec::new());
    for (name, bytes) in [(esp::BOOT, &boot[..]), (esp::MANIFEST, manifest)] {
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
        pcr: None,
    };
    uki::build(&pe(), &parts, &signer(place, "keys")).unwrap()
}
