//! A key in a PKCS#11 token: SoftHSM, asked by pkcs11-tool, as an owner would ask a real one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::answer;

/// What PKCS#1 v1.5 puts in front of a SHA-256 digest (RFC 8017, section 9.2, note 1), which a token does
/// not do.
const PREFIX: &str =
    r"\060\061\060\015\006\011\140\206\110\001\145\003\004\002\001\005\000\004\040";

/// Puts a private key's file into a new token in `folder`; the program that signs digests with it.
pub fn softhsm(folder: &Path, key: &Path) -> PathBuf {
    let tokens = folder.join("tokens");
    fs::create_dir(&tokens).unwrap();
    let settings = folder.join("softhsm2.conf");
    let text = format!("directories.tokendir = {}\n", tokens.display());
    fs::write(&settings, text).unwrap();
    let run = |line: &str| {
        let mut command = Command::new("softhsm2-util");
        command
            .env("SOFTHSM2_CONF", &settings)
            .args(line.split(' '));
        let (good, said) = answer("softhsm2", &mut command);
        assert!(good, "softhsm2-util {line}: {said}");
    };
    run("--init-token --free --label owner --so-pin 1234 --pin 1234");
    let key = key.display();
    run(&format!(
        "--import {key} --token owner --label db --id 01 --pin 1234"
    ));
    let script = format!(
        "#!/bin/sh\nexport SOFTHSM2_CONF={}\n{{ printf '{PREFIX}'; cat; }} |\n\
         exec pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label owner --login --pin 1234 \
         --id 01 --sign --mechanism RSA-PKCS --input-file /dev/stdin --output-file /dev/stdout 2> /dev/null\n",
        settings.display()
    );
    let program = folder.join("sign");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    program
}
