//! What is private of the keys reaches no file, no pipe, no other program's arguments or environment, and no
//! core dump. strace sees every byte that leaves the process.

use std::fs;
use std::process::Command;

use crate::place::{Place, SEALBOOT, run};
use crate::trace::{strace, traced};

const PASSPHRASE: &str = "correct horse battery staple";

/// Calls whose order matters here.
const CALLS: &str = "openat,prlimit64,setrlimit,prctl";

/// A part of a secret, in bytes: long enough to be nothing else's.
const PART: usize = 16;

/// Runs the command, and gives all that it was seen to do, each byte as `\x2f`.
fn trace(place: &Place, arguments: &[&str]) -> String {
    let mut command = place.command("strace");
    strace(&mut command, CALLS).arg(SEALBOOT).args(arguments);
    run(&mut command).check("strace", 0, &[]);
    fs::read_to_string(place.path("trace")).unwrap()
}

fn openssl(place: &Place, arguments: &[&str]) -> Vec<u8> {
    let mut openssl = Command::new("openssl");
    let output = openssl
        .args(arguments)
        .current_dir(place.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// Everything of a private key that its certificate does not say: exponent, primes and what follows from
/// them, as they are and as PEM has them.
fn secrets(place: &Place, folder: &str, name: &str) -> Vec<Vec<u8>> {
    let key = format!("{folder}/{name}.key");
    let read = [
        "rsa",
        "-in",
        &key,
        "-passin",
        "file:passphrase",
        "-traditional",
    ];
    let der = openssl(place, &[&read[..], &["-outform", "DER"]].concat());
    let certificate = fs::read(place.path(&format!("{folder}/{name}.cer"))).unwrap();
    let public = |part: &[u8]| certificate.windows(PART).any(|window| window == part);
    let private = der.chunks_exact(PART).filter(|part| !public(part));
    let mut secrets: Vec<Vec<u8>> = private.map(<[u8]>::to_vec).collect();
    // Most of 1.2 KB, of which the modulus is 256 bytes.
    assert!(secrets.len() > 50, "{}", secrets.len());
    for form in [
        &read[..],
        &["pkey", "-in", &key, "-passin", "file:passphrase"],
    ] {
        let pem = String::from_utf8(openssl(place, form)).unwrap();
        // The first lines hold the modulus.
        let lines = pem.lines().filter(|line| line.len() == 64).skip(8);
        secrets.extend(lines.map(|line| line.as_bytes().to_vec()));
    }
    secrets
}

#[test]
fn private_keys_leave_the_process_encrypted_only() {
    let place = Place::new();
    place.remove("keys");
    place.write("passphrase", format!("{PASSPHRASE}\n"));
    let with = ["--passphrase-file", "passphrase"];
    let traces = [
        trace(&place, &[&["keys", "create"][..], &with].concat()),
        trace(&place, &[&["build", "--quiet"][..], &with].concat()),
        trace(&place, &[&["keys", "check"][..], &with].concat()),
    ];
    let mut all = vec![PASSPHRASE.as_bytes().to_vec()];
    for name in ["PK", "KEK", "db"] {
        all.extend(secrets(&place, "keys", name));
    }
    for (trace, what) in traces.iter().zip(["create", "build", "check"]) {
        for secret in &all {
            let found = trace.contains(&traced(secret));
            assert!(!found, "{what}: {} leaves the process", traced(secret));
        }
        dumps_nothing(trace, what);
    }
    // A key without a passphrase is written as it is, and seen: so would have been the others.
    let create = ["keys", "create", "--no-passphrase", "--keys", "open"];
    let open = trace(&place, &create);
    let seen = secrets(&place, "open", "db").into_iter();
    assert!(seen.filter(|secret| open.contains(&traced(secret))).count() > 10);
}

/// Core dumps are off before a key is opened or made.
fn dumps_nothing(trace: &str, what: &str) {
    let line = |words: &[&str]| {
        let all = |line: &&str| words.iter().all(|word| line.contains(word));
        let mut lines = trace.lines().enumerate();
        lines.find(|(_, line)| all(line)).map(|(number, _)| number)
    };
    let key = line(&["openat", &traced(b"db.key")]).expect(what);
    for words in [
        ["RLIMIT_CORE", "rlim_cur=0"],
        ["PR_SET_DUMPABLE", "SUID_DUMP_DISABLE"],
    ] {
        let off = line(&words).unwrap_or_else(|| panic!("{what}: no {words:?}"));
        assert!(off < key, "{what}: {words:?} comes after the key");
    }
}
