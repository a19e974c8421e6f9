//! Keys in PKCS#11 tokens: SoftHSM's, which are files in a folder, with real PINs and the real interface.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::answer;

/// SoftHSM's module.
pub const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// The PIN of every token: long enough to be nothing else.
pub const PIN: &str = "4729-horse-battery";

/// What PKCS#1 v1.5 puts in front of a SHA-256 digest (RFC 8017, section 9.2, note 1), which a token does
/// not do.
const PREFIX: &str =
    r"\060\061\060\015\006\011\140\206\110\001\145\003\004\002\001\005\000\004\040";

/// Tokens that nobody else sees.
pub struct Softhsm {
    /// What goes into `SOFTHSM2_CONF`.
    pub settings: PathBuf,
    /// A file with their PIN.
    pub pin: PathBuf,
}

impl Softhsm {
    /// Makes a place for tokens in `folder`.
    pub fn new(folder: &Path) -> Self {
        let tokens = folder.join("tokens");
        fs::create_dir(&tokens).unwrap();
        let (settings, pin) = (folder.join("softhsm2.conf"), folder.join("pin"));
        let text = format!("directories.tokendir = {}\n", tokens.display());
        fs::write(&settings, text).unwrap();
        fs::write(&pin, format!("{PIN}\n")).unwrap();
        Self { settings, pin }
    }

    fn run(&self, line: &str) {
        let mut command = Command::new("softhsm2-util");
        command.env("SOFTHSM2_CONF", &self.settings);
        let (good, said) = answer("softhsm2", command.args(line.split(' ')));
        assert!(good, "softhsm2-util {line}: {said}");
    }

    /// Makes a token.
    pub fn token(&self, label: &str) {
        self.run(&format!(
            "--init-token --free --label {label} --so-pin 12345678 --pin {PIN}"
        ));
    }

    /// Puts a private key's file into it; `id` is hex.
    pub fn import(&self, token: &str, key: &Path, label: &str, id: &str) {
        let key = key.display();
        self.run(&format!(
            "--import {key} --token {token} --label {label} --id {id} --pin {PIN}"
        ));
    }

    /// A URI with this path, whose PIN is in the file.
    pub fn uri(&self, path: &str) -> String {
        let pin = self.pin.display();
        format!("pkcs11:{path}?module-path={MODULE}&pin-source={pin}")
    }
}

/// `sealboot-pkcs11`, which no test builds.
pub fn asker() -> PathBuf {
    if let Some(path) = env::var_os("SEALBOOT_PKCS11") {
        return path.into();
    }
    let own = env::current_exe().unwrap();
    let target = own.ancestors().find(|folder| folder.ends_with("target"));
    let built = target.map(|target| target.join("pkcs11/x86_64-unknown-linux-gnu"));
    let mut programs = ["debug", "release"].iter().filter_map(|profile| {
        let program = built.as_ref()?.join(profile).join("sealboot-pkcs11");
        program.exists().then_some(program)
    });
    let found = programs.next();
    found.expect(
        "sealboot-pkcs11 is needed: cargo xtask pkcs11 builds it, SEALBOOT_PKCS11 says where it is",
    )
}

/// Puts a private key's file into a new token in `folder`; a program that signs digests with it, as an owner
/// would ask with the tools of others.
pub fn softhsm(folder: &Path, key: &Path) -> PathBuf {
    let softhsm = Softhsm::new(folder);
    softhsm.token("owner");
    softhsm.import("owner", key, "db", "01");
    let script = format!(
        "#!/bin/sh\nexport SOFTHSM2_CONF={}\n{{ printf '{PREFIX}'; cat; }} |\n\
         exec pkcs11-tool --module {MODULE} --token-label owner --login --pin {PIN} \
         --id 01 --sign --mechanism RSA-PKCS --input-file /dev/stdin --output-file /dev/stdout 2> /dev/null\n",
        softhsm.settings.display()
    );
    let program = folder.join("sign");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    program
}
