//! PCR 11 of a UKI, computed by systemd-measure, and signatures of its states.

use std::convert::Infallible;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use artifact::uki::{Parts, PcrSigner, build, signatures};
use formats::pcr::{paths, phases, stub};
use formats::pe::Pe;
use serde_json::Value;
use sha2::{Digest, Sha256};
use source::keys::PcrKey;

use crate::owner::{Owner, parts};

/// Sections that systemd-measure of Debian 12 knows.
const SECTIONS: [&str; 7] = [
    "linux", "osrel", "cmdline", "initrd", "splash", "dtb", "pcrpkey",
];

#[test]
fn systemd_measure_computes_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for count in [1, 4, SECTIONS.len()] {
        let content = |name: &str| name.repeat(count * 1000);
        let mut measure = Command::new("/lib/systemd/systemd-measure");
        measure.args(["calculate", "--bank=sha256"]);
        for name in &SECTIONS[..count] {
            let path = folder.path().join(name);
            fs::write(&path, content(name)).unwrap();
            measure.arg(format!("--{name}={}", path.display()));
        }
        let said = String::from_utf8(tests::stdout("systemd", &mut measure)).unwrap();
        let theirs = said
            .lines()
            .filter_map(|line| line.strip_prefix("11:sha256="));

        let digest = |name: &str| {
            let name = name.trim_start_matches('.');
            let there = SECTIONS[..count].contains(&name);
            Ok::<_, Infallible>(there.then(|| Sha256::digest(content(name)).into()))
        };
        let Ok(ours) = stub(digest);
        let ours = phases(ours).into_iter().map(|(_, pcr)| pcr.to_string());
        assert_eq!(
            ours.collect::<Vec<_>>(),
            theirs.collect::<Vec<_>>(),
            "{said}"
        );
    }
}

/// A key for PCRs, by openssl.
fn key(folder: &Path) -> PcrKey {
    let path = folder.join("pcr.key");
    let mut make = Command::new("openssl");
    make.args([
        "genpkey",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        "rsa_keygen_bits:2048",
        "-out",
    ]);
    tests::stdout("openssl", make.arg(&path));
    PcrKey::load(&path, None).unwrap()
}

/// A TPM for systemd-measure, which lets one compute policies.
struct Tpm {
    process: Child,
    port: u16,
    _state: tempfile::TempDir,
}

impl Tpm {
    fn start() -> Self {
        let state = tempfile::tempdir().unwrap();
        // The control port is the next one, where tpm2-tss looks for it.
        let port = (0..50).find_map(|_| {
            let one = TcpListener::bind("127.0.0.1:0").ok()?;
            let port = one.local_addr().ok()?.port();
            TcpListener::bind(("127.0.0.1", port.checked_add(1)?)).ok()?;
            Some(port)
        });
        let port = port.expect("two free ports");
        let mut command = Command::new("swtpm");
        command.args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"]);
        command
            .arg("--tpmstate")
            .arg(format!("dir={}", state.path().display()));
        command.arg("--server").arg(format!("type=tcp,port={port}"));
        command
            .arg("--ctrl")
            .arg(format!("type=tcp,port={}", port + 1));
        let process = command.stdin(Stdio::null()).spawn().expect("swtpm starts");
        Self {
            process,
            port,
            _state: state,
        }
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn systemd_measure_signs_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let key = key(folder.path());
    let public = folder.path().join("pcr.pub");
    fs::write(&public, key.public_pem().unwrap()).unwrap();
    let mut by_openssl = Command::new("openssl");
    by_openssl
        .args(["pkey", "-pubout", "-in"])
        .arg(folder.path().join("pcr.key"));
    let by_openssl = tests::stdout("openssl", &mut by_openssl);
    assert_eq!(key.public_pem().unwrap().as_bytes(), by_openssl);

    let content = |name: &str| match name {
        "pcrpkey" => by_openssl.clone(),
        name => name.repeat(1000).into_bytes(),
    };
    let tpm = Tpm::start();
    let mut measure = Command::new("/lib/systemd/systemd-measure");
    measure.args(["sign", "--bank=sha256"]);
    measure.arg(format!("--tpm2-device=swtpm:port={}", tpm.port));
    measure
        .arg("--private-key")
        .arg(folder.path().join("pcr.key"));
    measure.arg("--public-key").arg(&public);
    for name in SECTIONS {
        let path = folder.path().join(name);
        fs::write(&path, content(name)).unwrap();
        measure.arg(format!("--{name}={}", path.display()));
    }
    // It may still be starting.
    let end = Instant::now() + Duration::from_secs(20);
    let theirs = loop {
        let output = measure.output().unwrap();
        if output.status.success() || Instant::now() > end {
            break output;
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    assert!(theirs.status.success(), "{theirs:?}");
    let digest = |name: &str| {
        let name = name.trim_start_matches('.');
        let there = SECTIONS.contains(&name);
        Ok::<_, Infallible>(there.then(|| Sha256::digest(content(name)).into()))
    };
    let Ok(state) = stub(digest);
    let phases = paths();
    let ours = signatures(
        state,
        &PcrSigner {
            key: &key,
            phases: &phases,
        },
    )
    .unwrap();
    assert_eq!(ours, String::from_utf8(theirs.stdout).unwrap());
}

/// The signatures in a UKI are of the states that `measure` computes from the finished file.
#[test]
fn a_uki_carries_signatures_of_its_own_states() {
    let (owner, folder) = (Owner::new("Owner"), tempfile::tempdir().unwrap());
    let (key, stub) = (key(folder.path()), crate::owner::stub());
    let phases = ["", "sysinit", "sysinit:ready"].map(str::to_owned);
    let parts = Parts {
        pcr: Some(PcrSigner {
            key: &key,
            phases: &phases,
        }),
        ..parts(&stub)
    };
    let image = build(&stub, &parts, &owner.signer("db")).unwrap();
    let pe = Pe::parse(&image).unwrap();
    let text = |name: &str| {
        let content = pe.content(pe.section(name).unwrap());
        String::from_utf8(content.to_vec()).unwrap()
    };
    assert_eq!(
        text(".pcrpkey").trim_end_matches('\0'),
        key.public_pem().unwrap()
    );
    let path = owner.file("kernel.efi", &image);
    let at_start = chain::measure(&path, None).unwrap().stub.to_string();
    let signed: Value = serde_json::from_str(text(".pcrsig").trim_end_matches('\0')).unwrap();
    let rows = signed["sha256"].as_array().unwrap();
    assert_eq!(rows.len(), phases.len());
    let mut values = vec![at_start];
    for phase in ["sysinit", "ready"] {
        let last = unhex(values.last().unwrap());
        let next = Sha256::digest([&last[..], &Sha256::digest(phase)[..]].concat());
        values.push(next.iter().map(|byte| format!("{byte:02x}")).collect());
    }
    for (row, value) in rows.iter().zip(values) {
        // TPM2_PolicyPCR, written out.
        let pcrs = Sha256::digest(unhex(&value));
        let selection = [0, 0, 1, 0x7f, 0, 0, 0, 1, 0, 0x0b, 3, 0, 8, 0];
        let policy = Sha256::digest([&[0; 32][..], &selection, &pcrs].concat());
        assert_eq!(unhex(row["pol"].as_str().unwrap()), policy.to_vec());
        // openssl verifies the signature with the key in the UKI.
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        };
        let public = file("pub", text(".pcrpkey").trim_end_matches('\0').as_bytes());
        fs::write(folder.path().join("sig64"), row["sig"].as_str().unwrap()).unwrap();
        let mut decode = Command::new("base64");
        let signature = tests::stdout(
            "coreutils",
            decode.arg("-d").arg(folder.path().join("sig64")),
        );
        let (signature, message) = (file("sig", &signature), file("pol", &policy));
        let mut verify = Command::new("openssl");
        verify
            .args(["dgst", "-sha256", "-verify"])
            .arg(public)
            .arg("-signature");
        let said = tests::stdout("openssl", verify.arg(signature).arg(message));
        assert_eq!(said, b"Verified OK\n");
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
