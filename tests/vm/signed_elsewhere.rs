//! A release whose key was never on the machine that built it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::machine::boot;
use crate::release::{self, Release, downloads, sealboot, succeed};
use crate::roots::{self, PROGRAM_LINE, PROGRAM_WORDS};

/// A token, named by a URI, signs the hashes of a build that had no key, and firmware and kernel take it. The key's file,
/// asked by openssl, gives the same.
#[test]
fn a_token_signs_a_release_that_starts() {
    let folder = release::scratch("signed-elsewhere");
    let softhsm = tests::Softhsm::new(&folder);
    let asker = tests::asker();
    let path = format!("{}:/usr/bin:/bin", asker.parent().unwrap().display());
    let run = |arguments: &[&str]| {
        let mut command = sealboot();
        command.env("SOFTHSM2_CONF", &softhsm.settings);
        // Where `sealboot-pkcs11` is.
        command.env("PATH", &path);
        succeed(command.args(arguments).current_dir(&folder))
    };
    run(&["keys", "create", "--no-passphrase", "--quiet"]);
    let private = folder.join("private");
    fs::create_dir(&private).unwrap();
    for name in ["PK", "KEK", "db"] {
        let file = format!("{name}.key");
        fs::rename(folder.join("keys").join(&file), private.join(&file)).unwrap();
    }
    let key = private.join("db.key");
    softhsm.token("owner");
    softhsm.import("owner", &key, "db", "01");
    let program = roots::program("signed-program");
    let config = format!(
        "[root]\nsource = [{{ image = '{program}' }}]\n\
         [uki]\ncommand_line = '{PROGRAM_LINE}'\n\
         [policy]\nexecute = 'signed'\n[firmware]\nsource = []\n[image]\nlevel = 1\n"
    );
    fs::write(folder.join("sealboot.toml"), config).unwrap();

    let cache = downloads().display().to_string();
    run(&["build", "--unsigned", "--quiet", "--cache", &cache]);
    let version = version(&folder.join("out/release.json"));
    let sign = |with: &str, signatures: &str| {
        let what = ["sign", "out/to-sign", "--yes", &version];
        run(&[
            &what[..],
            &["--sign-with", with, "--signatures", signatures],
        ]
        .concat())
    };
    sign(&softhsm.uri("token=owner;object=db"), "signatures");
    let openssl = "openssl pkeyutl -sign -inkey private/db.key -pkeyopt digest:sha256";
    sign(openssl, "by-openssl");
    let mut same = Command::new("diff");
    succeed(
        same.args(["-r", "signatures", "by-openssl"])
            .current_dir(&folder),
    );
    run(&["attach", "out", "signatures"]);

    let release = Release {
        keys: folder.join("keys"),
        out: folder.join("out"),
    };
    let seen = boot(&release, &release.out.join("disk.img"), PROGRAM_WORDS);
    seen.must(seen.met, "it did not start");
    for words in [
        "Secure Boot is on",
        "root.squashfs mapped, its signature accepted by the kernel",
        "execution is restricted to the images of this release",
    ] {
        seen.must(seen.serial.contains(words), words);
    }
}

fn version(manifest: &Path) -> String {
    let manifest = fs::read(manifest).unwrap();
    let manifest = contract::manifest::Manifest::from_json(&manifest).unwrap();
    manifest.version
}
