//! A build whose key is on another machine: what comes out is what the key beside it makes, and signatures
//! that are not this release's, by this key, finish nothing.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::bad_input::{KEYS, MISSING, REFUSED, USAGE};
use crate::place::{Place, VERSION, run};

type Files = BTreeMap<String, Vec<u8>>;

/// What the machine that builds has of the keys.
const PUBLIC: [&str; 6] = [
    "PK.auth", "PK.cer", "KEK.auth", "KEK.cer", "db.auth", "db.cer",
];

const KERNEL: &str = "CONFIG_SECURITY_IPE=y\nCONFIG_IPE_PROP_DM_VERITY=y\n\
                      CONFIG_IPE_POLICY_SIG_PLATFORM_KEYRING=y\nCONFIG_LSM=\"yama,ipe\"\n";

const UNSIGNED: &[&str] = &["build", "--unsigned", "--keys", "public", "--quiet"];
const SIGN: &[&str] = &[
    "sign",
    "out/to-sign",
    "--yes",
    "1",
    "--signatures",
    "signatures",
];
const ATTACH: &[&str] = &["attach", "out", "signatures", "--keys", "public"];

/// A place whose releases have everything that is signed, and the public half of its keys.
fn place() -> Place {
    let place = Place::new();
    place.configure("[image]", "[policy]\nexecute = 'signed'\n[image]");
    place.write(&format!("kernel/boot/config-{VERSION}"), KERNEL);
    for name in PUBLIC {
        let bytes = fs::read(place.path(&format!("keys/{name}"))).unwrap();
        place.write(&format!("public/{name}"), bytes);
    }
    place
}

fn in_one_pass(place: &Place) -> Files {
    let ran = place.sealboot(&["build", "--quiet", "--out", "one"]);
    ran.check("one pass", 0, &[]);
    place.files("one")
}

#[test]
fn two_passes_give_what_one_does() {
    let one_system = place();
    let two_systems = crate::systems::two();
    for name in PUBLIC {
        let bytes = fs::read(two_systems.path(&format!("keys/{name}"))).unwrap();
        two_systems.write(&format!("public/{name}"), bytes);
    }
    for place in [one_system, two_systems] {
        let expected = in_one_pass(&place);
        // Another key's release of before is replaced as a whole.
        place.earlier_release();
        place.sealboot(UNSIGNED).check("unsigned", 0, &[]);
        assert!(!place.path("out/disk.img").exists());
        let small: u64 = place
            .files("out/to-sign")
            .values()
            .map(|bytes| bytes.len() as u64)
            .sum();
        assert!(small < 32 << 10, "{small} bytes go to the key");
        let signed = place.sealboot(SIGN);
        signed.check("sign", 0, &[]);
        for words in [
            "What these signatures allow",
            "release      1",
            "signatures for release 1",
        ] {
            assert!(signed.stdout.contains(words), "{words}: {}", signed.stdout);
        }
        let ran = place.sealboot(ATTACH);
        ran.check("attach", 0, &["Release 1", "disk.img"]);
        let mut finished = place.files("out");
        // Not the release's.
        assert!(finished.remove("notes.txt").is_some());
        let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&finished), names(&expected));
        assert!(finished == expected);
    }
}

#[test]
fn the_page_is_the_one_that_goes_with_the_request() {
    let place = place();
    place.sealboot(UNSIGNED).check("unsigned", 0, &[]);
    let shown = place.sealboot(SIGN).stdout;
    let written = fs::read_to_string(place.path("out/to-sign/READ-ME.txt")).unwrap();
    assert!(shown.starts_with(&written), "{shown}");
    let json = place.sealboot(&[SIGN, &["--json"]].concat());
    json.check("again", USAGE, &["signatures is there already"]);
    for words in [
        "sealboot owner db",
        "root.squashfs",
        "execute only what these images hold",
    ] {
        assert!(written.contains(words), "{words}: {written}");
    }
    // What the builder says cannot reach the terminal's controls.
    place.remove("signatures");
    change(&place, |request| {
        uki(request)["command_line"] = "a\u{1b}[2Jb".into()
    });
    let ran = place.sealboot(SIGN);
    ran.check("controls", 0, &[]);
    assert!(ran.stdout.contains("a\\u{1b}[2Jb"), "{}", ran.stdout);
}

#[test]
fn any_program_with_the_key_can_sign() {
    let place = place();
    let expected = in_one_pass(&place);
    place.sealboot(UNSIGNED).check("unsigned", 0, &[]);
    fs::create_dir(place.path("signatures")).unwrap();
    for message in place.files("out/to-sign").keys() {
        let Some(name) = message.strip_suffix(".tbs") else {
            continue;
        };
        let mut openssl = Command::new("openssl");
        openssl.args(["dgst", "-sha256", "-sign", "keys/db.key", "-out"]);
        openssl.arg(format!("signatures/{name}.sig"));
        openssl.arg(format!("out/to-sign/{message}"));
        run(openssl.current_dir(place.path(""))).check(name, 0, &[]);
    }
    place.sealboot(ATTACH).check("attach", 0, &[]);
    assert!(place.files("out") == expected);
}

#[test]
fn a_build_without_the_public_files_says_which_are_needed() {
    let place = place();
    place.remove("public/db.auth");
    let ran = place.sealboot(UNSIGNED);
    ran.check("unsigned", KEYS, &["public/db.auth cannot be read"]);
    let ran = place.sealboot(&["build", "--unsigned", "--sign-with", "cat"]);
    ran.check("both", USAGE, &["--unsigned", "--sign-with"]);
}

/// Changes `request.json`.
fn change(place: &Place, change: impl Fn(&mut Value)) {
    edit(place, "out/to-sign/request.json", change);
}

fn edit(place: &Place, file: &str, change: impl Fn(&mut Value)) {
    let mut value = serde_json::from_slice(&fs::read(place.path(file)).unwrap()).unwrap();
    change(&mut value);
    place.write(file, serde_json::to_vec_pretty(&value).unwrap());
}

fn item<'a>(request: &'a mut Value, name: &str) -> &'a mut Value {
    let items = request["items"].as_array_mut().unwrap();
    items.iter_mut().find(|item| item["name"] == name).unwrap()
}

fn uki(request: &mut Value) -> &mut Value {
    &mut item(request, "kernel.efi")["uki"]
}

/// Gives an item another message, and the request its hash.
fn message(place: &Place, name: &str, bytes: &[u8]) {
    place.write(&format!("out/to-sign/{name}.tbs"), bytes);
    let hash = sha256(bytes);
    change(place, |request| {
        item(request, name)["sha256"] = hash.clone().into()
    });
}

fn sha256(bytes: &[u8]) -> String {
    source::fetch::Digest::of(bytes).to_string()
}

fn flip(place: &Place, file: &str, at: usize) {
    let mut bytes = fs::read(place.path(file)).unwrap();
    bytes[at] ^= 1;
    place.write(file, bytes);
}

fn copy(place: &Place, from: &str, to: &str) {
    fs::copy(place.path(from), place.path(to)).unwrap();
}

fn swap(place: &Place, one: &str, other: &str) {
    let [a, b] = [one, other].map(|name| format!("signatures/{name}.sig"));
    copy(place, &a, "aside");
    copy(place, &b, &a);
    copy(place, "aside", &b);
}

/// All signatures of another release, or by another key; `json` among them.
fn take(place: &Place, from: &str, json: bool) {
    for name in place.files(from).keys() {
        if json || name.ends_with(".sig") {
            copy(
                place,
                &format!("{from}/{name}"),
                &format!("signatures/{name}"),
            );
        }
    }
    if !json {
        place.remove("signatures/signatures.json");
    }
}

const MADE: &str = "signatures/signatures.json";
const ROOT: &str = "signatures/root.roothash.sig";

type Row = (&'static str, fn(&Place), i32, &'static [&'static str]);

/// What does not finish a release.
#[rustfmt::skip]
const ATTACHED: &[Row] = &[
    ("no signature of the UKI", |p| p.remove("signatures/kernel.efi.sig"), MISSING, &["no signature of kernel.efi", "kernel.efi.sig is missing"]),
    ("no signature of an image", |p| p.remove(ROOT), MISSING, &["no signature of root.roothash"]),
    ("no signature of the manifest", |p| p.remove("signatures/release.json.sig"), MISSING, &["no signature of release.json"]),
    ("no signature of the policy", |p| p.remove("signatures/release.policy.p7b.sig"), MISSING, &["no signature of release.policy.p7b"]),
    ("two images' exchanged", |p| swap(p, "root.roothash", "modules.roothash"), REFUSED, &["modules.roothash.sig is the signature of root.roothash"]),
    ("UKI and manifest exchanged", |p| swap(p, "kernel.efi", "release.json"), REFUSED, &["release.json.sig is the signature of kernel.efi, not of release.json"]),
    ("a bit of one", |p| flip(p, ROOT, 100), REFUSED, &["root.roothash.sig is no signature of root.roothash"]),
    ("one that is cut off", |p| p.write(ROOT, [0; 255]), REFUSED, &["root.roothash.sig is no signature"]),
    ("one that is empty", |p| p.write(ROOT, ""), REFUSED, &["root.roothash.sig is no signature"]),
    ("one in PEM", |p| p.write(ROOT, "-----BEGIN SIGNATURE-----"), REFUSED, &["root.roothash.sig is no signature"]),
    ("one that never ends", |p| p.write(ROOT, vec![0; 2 << 20]), REFUSED, &["more than 1048576 bytes"]),
    ("another key's", |p| take(p, "strangers", true), REFUSED, &["by the key of the certificate", "this release is for"]),
    ("another key's, unsaid", |p| take(p, "strangers", false), REFUSED, &["is no signature of", "by another key"]),
    ("one of another key's", |p| copy(p, "strangers/kernel.efi.sig", "signatures/kernel.efi.sig"), REFUSED, &["kernel.efi.sig is no signature of kernel.efi"]),
    ("another release's", |p| take(p, "second", true), REFUSED, &["signatures are of release 2, and this is release 1"]),
    ("another release's, unsaid", |p| take(p, "second", false), REFUSED, &["release.json.sig is no signature of release.json"]),
    ("another release's UKI", |p| copy(p, "second/kernel.efi.sig", "signatures/kernel.efi.sig"), REFUSED, &["kernel.efi.sig is no signature of kernel.efi"]),
    ("of the same version, with other files", |p| take(p, "other", true), REFUSED, &["root.roothash.sig is no signature of root.roothash"]),
    ("a lie about the release", |p| edit(p, MADE, |made| made["release"] = "2".into()), REFUSED, &["are of release 2"]),
    ("a lie about the request", |p| edit(p, MADE, |made| made["request_sha256"] = "00".repeat(32).into()), REFUSED, &["made over another request"]),
    ("a later format", |p| edit(p, MADE, |made| made["format"] = 2.into()), REFUSED, &["signatures.json has format 2"]),
    ("no JSON", |p| p.write(MADE, "{"), REFUSED, &["signatures.json is not what it should be"]),
    ("one too many", |p| copy(p, ROOT, "signatures/swap.roothash.sig"), REFUSED, &["swap.roothash.sig is a signature of nothing in this release"]),
    ("no signatures", |p| p.remove("signatures"), MISSING, &["signatures cannot be read"]),
    ("a UKI that was changed", |p| flip(p, "out/kernel.efi", 600), REFUSED, &["kernel.efi"]),
    ("another UKI", |p| copy(p, "second-out/kernel.efi", "out/kernel.efi"), REFUSED, &["kernel.efi.sig is no signature of kernel.efi"]),
    ("a UKI with a signature", |p| copy(p, "one/kernel.efi", "out/kernel.efi"), REFUSED, &["kernel.efi", "signed already"]),
    ("a manifest that was changed", |p| edit(p, "out/release.json", |json| json["kernel"] = "5.10".into()), REFUSED, &["release.json.sig is no signature of release.json"]),
    ("no manifest", |p| p.remove("out/release.json"), MISSING, &["out holds no release"]),
    ("an image that was changed", |p| flip(p, "out/root.squashfs", 5000), REFUSED, &["out cannot be finished", "changed after it was built", "root.squashfs"]),
    ("an image that is not there", |p| p.remove("out/root.squashfs"), MISSING, &["root.squashfs"]),
    ("a root hash that was changed", |p| flip(p, "out/root.roothash", 5), REFUSED, &["root.roothash"]),
    ("the other owner's certificates", |p| { for name in PUBLIC { copy(p, &format!("stranger/{name}"), &format!("public/{name}")); } }, REFUSED, &["by the key of the certificate"]),
    ("a release that does not wait", |p| p.remove("out/unsigned.json"), MISSING, &["no release waits for signatures there", "--unsigned"]),
    ("notes that are none", |p| p.write("out/unsigned.json", "[]"), REFUSED, &["unsigned.json is not as a build leaves it"]),
];

/// What is not signed.
#[rustfmt::skip]
const SIGNED: &[Row] = &[
    ("a message that was changed", |p| flip(p, "out/to-sign/root.roothash.tbs", 3), REFUSED, &["root.roothash: its message is another one", "nothing is signed"]),
    ("another root hash", |p| message(p, "root.roothash", "f".repeat(64).as_bytes()), REFUSED, &["root.roothash: the manifest has another root hash"]),
    ("anything as a root hash", |p| message(p, "root.roothash", b"I owe you a house"), REFUSED, &["root.roothash: the manifest has another root hash"]),
    ("anything as a manifest", |p| message(p, "release.json", b"{}"), REFUSED, &["release.json:"]),
    ("a manifest with a space more", |p| { let mut json = fs::read(p.path("out/release.json")).unwrap(); json.push(b' '); message(p, "release.json", &json); }, REFUSED, &["not a manifest as sealboot writes it"]),
    ("another release's manifest", |p| { let json = fs::read(p.path("second-out/release.json")).unwrap(); message(p, "release.json", &json); }, REFUSED, &["it is of release 2, and the request is for 1"]),
    ("a policy that allows more", |p| { let mut text = fs::read(p.path("out/to-sign/release.policy.p7b.tbs")).unwrap(); text.extend(b"op=EXECUTE action=ALLOW\n"); message(p, "release.policy.p7b", &text); }, REFUSED, &["release.policy.p7b: it allows something else"]),
    ("a UKI's digest that is not signed", |p| change(p, |r| uki(r)["authenticode_sha256"] = "00".repeat(32).into()), REFUSED, &["kernel.efi: its message is not that of its Authenticode digest"]),
    ("anything as a UKI", |p| message(p, "kernel.efi", b"boot me"), REFUSED, &["kernel.efi: its message is not that of its Authenticode digest"]),
    ("a UKI of another kernel", |p| change(p, |r| uki(r)["kernel"] = "5.10".into()), REFUSED, &["kernel.efi: its kernel is another one"]),
    ("a UKI as a root hash", |p| change(p, |r| item(r, "kernel.efi")["kind"] = "root-hash".into()), REFUSED, &["kernel.efi: only what is said of a UKI"]),
    ("a manifest as a policy", |p| change(p, |r| item(r, "release.json")["kind"] = "execution-policy".into()), REFUSED, &["0 manifests of 1"]),
    ("one more", |p| { message_new(p, "swap.roothash"); }, REFUSED, &["swap.roothash: no manifest has such an image"]),
    ("one less", |p| change(p, |r| r["items"].as_array_mut().unwrap().retain(|i| i["name"] != "root.roothash")), REFUSED, &["root.roothash is not in it"]),
    ("no UKI", |p| change(p, |r| r["items"].as_array_mut().unwrap().retain(|i| i["name"] != "kernel.efi")), REFUSED, &["kernel.efi is not in it"]),
    ("one twice", |p| change(p, |r| { let first = r["items"][0].clone(); r["items"].as_array_mut().unwrap().push(first); }), REFUSED, &["each item has a file name of its own"]),
    ("a path", |p| change(p, |r| item(r, "root.roothash")["name"] = "../root.roothash".into()), REFUSED, &["each item has a file name of its own"]),
    ("another certificate beside it", |p| copy(p, "stranger/db.cer", "out/to-sign/certificate.der"), REFUSED, &["the request wants the key of the certificate"]),
    ("another key", |p| { for name in ["db.key", "db.crt"] { copy(p, &format!("stranger/{name}"), &format!("keys/{name}")); } }, KEYS, &["the key that would sign has"]),
    ("a later format", |p| change(p, |r| r["format"] = 2.into()), REFUSED, &["request.json has format 2"]),
    ("a field that nobody knows", |p| change(p, |r| r["also"] = "this".into()), REFUSED, &["request.json is not what it should be"]),
    ("no JSON", |p| p.write("out/to-sign/request.json", "\0"), REFUSED, &["request.json is not what it should be"]),
    ("no request", |p| p.remove("out/to-sign/request.json"), MISSING, &["out/to-sign cannot be signed", "request.json"]),
    ("no message", |p| p.remove("out/to-sign/kernel.efi.tbs"), MISSING, &["kernel.efi.tbs"]),
    ("a message that never ends", |p| p.write("out/to-sign/kernel.efi.tbs", vec![0; 2 << 20]), REFUSED, &["more than 1048576 bytes"]),
];

fn message_new(place: &Place, name: &str) {
    let bytes = "0".repeat(64);
    place.write(&format!("out/to-sign/{name}.tbs"), &bytes);
    change(place, |request| {
        let item = serde_json::json!({ "name": name, "kind": "root-hash", "sha256": sha256(bytes.as_bytes()) });
        request["items"].as_array_mut().unwrap().push(item);
    });
}

/// A release that waits, its signatures, and others' that somebody could take for them.
fn world() -> Place {
    let place = place();
    let create = ["keys", "create", "--no-passphrase", "--keys", "stranger"];
    place.sealboot(&create).check("keys create", 0, &[]);
    let passes = |out: &str, keys: &str, release: &str, signatures: &str| {
        let build = [
            "build",
            "--unsigned",
            "--quiet",
            "--keys",
            keys,
            "--out",
            out,
        ];
        place.sealboot(&build).check(out, 0, &[]);
        let to_sign = format!("{out}/to-sign");
        let sign = [
            "sign",
            &to_sign,
            "--yes",
            release,
            "--keys",
            keys,
            "--signatures",
            signatures,
        ];
        place.sealboot(&sign).check(signatures, 0, &[]);
    };
    passes("stranger-out", "stranger", "1", "strangers");
    place.write("root/etc/more", "other content");
    passes("other-out", "keys", "1", "other");
    place.remove("root/etc/more");
    place.configure("version = '1'\n", "version = '2'\n");
    passes("second-out", "keys", "2", "second");
    place.configure("version = '2'\n", "version = '1'\n");
    passes("out", "keys", "1", "signatures");
    in_one_pass(&place);
    place
}

/// Everything that a row can change.
fn state(place: &Place) -> Vec<(&'static str, Files)> {
    let folders = ["out", "out/to-sign", "signatures", "public", "keys"];
    folders.map(|folder| (folder, place.files(folder))).to_vec()
}

fn restore(place: &Place, state: &[(&'static str, Files)]) {
    for (folder, files) in state {
        if place.path(folder).exists() {
            place.remove(folder);
        }
        for (name, bytes) in files.iter().filter(|(name, _)| !name.contains('/')) {
            place.write(&format!("{folder}/{name}"), bytes);
        }
    }
}

#[test]
fn what_is_wrong_or_mixed_up_is_refused() {
    let place = world();
    let good = state(&place);
    for (case, spoil, code, words) in ATTACHED {
        restore(&place, &good);
        spoil(&place);
        let before = place.files("out");
        place.sealboot(ATTACH).check(case, *code, words);
        assert!(place.files("out") == before, "{case}: something changed");
    }
    for (case, spoil, code, words) in SIGNED {
        restore(&place, &good);
        place.remove("signatures");
        spoil(&place);
        place.sealboot(SIGN).check(case, *code, words);
        assert!(
            !place.path("signatures").exists(),
            "{case}: something is signed"
        );
    }
    restore(&place, &good);
    place.remove("signatures");
    for (case, words, code, said) in [
        (
            "another release",
            &["--yes", "2"][..],
            USAGE,
            "this is release \"1\"; nothing was signed",
        ),
        ("nobody to ask", &[], USAGE, "no terminal to ask on"),
    ] {
        let ran = place.sealboot(&[&["sign", "out/to-sign"], words].concat());
        ran.check(case, code, &[said]);
        assert!(!place.path("signatures").exists(), "{case}");
    }
    // Nothing of all that harms what is good.
    restore(&place, &good);
    place.sealboot(ATTACH).check("good", 0, &[]);
    assert!(place.files("out") == place.files("one"));
}
