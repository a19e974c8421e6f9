//! A key in a PKCS#11 token, by the tools that others use for that.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use source::keys::{CommandSigner, Signer, sign_detached};

use crate::owner::Owner;

/// What PKCS#1 v1.5 puts in front of a SHA-256 digest (RFC 8017, section 9.2, note 1), which a token does
/// not do.
const PREFIX: &str =
    r"\060\061\060\015\006\011\140\206\110\001\145\003\004\002\001\005\000\004\040";

#[test]
fn softhsm_signs_as_the_file_does() {
    let owner = Owner::new("Test Owner");
    let tokens = owner.path("tokens");
    fs::create_dir(&tokens).unwrap();
    let settings = format!("directories.tokendir = {}\n", tokens.display());
    let settings = owner.file("softhsm2.conf", settings.as_bytes());
    let key = owner.path("db.key");
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.env("SOFTHSM2_CONF", &settings).args(arguments);
        let (good, said) = tests::answer(program, &mut command);
        assert!(good, "{program} {arguments:?}: {said}");
    };
    let token = [
        "--init-token",
        "--free",
        "--label",
        "owner",
        "--so-pin",
        "1234",
        "--pin",
        "1234",
    ];
    run("softhsm2-util", &token);
    let key = key.to_str().unwrap();
    let object = [
        "--token", "owner", "--label", "db", "--id", "01", "--pin", "1234",
    ];
    run("softhsm2-util", &[&["--import", key][..], &object].concat());

    let script = format!(
        "#!/bin/sh\nexport SOFTHSM2_CONF={}\n{{ printf '{PREFIX}'; cat; }} |\n\
         exec pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label owner --login --pin 1234 \
         --id 01 --sign --mechanism RSA-PKCS --input-file /dev/stdin --output-file /dev/stdout 2> /dev/null\n",
        settings.display()
    );
    let script = owner.file("sign", script.as_bytes());
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let command = [script.display().to_string()];
    let token = CommandSigner::new(&command, &owner.path("db.crt")).unwrap();
    let file = owner.signer("db");
    for message in [&b""[..], b"root hash", &[7; 100_000]] {
        assert_eq!(token.sign(message).unwrap(), file.sign(message).unwrap());
    }
    let (by_token, by_file) = (sign_detached(&token, b"x"), sign_detached(&file, b"x"));
    assert_eq!(by_token.unwrap(), by_file.unwrap());
    // The same token, another owner's certificate.
    let stranger = Owner::new("Stranger");
    let wrong = CommandSigner::new(&command, &stranger.path("db.crt")).unwrap();
    let error = wrong.sign(b"x").unwrap_err().to_string();
    assert!(error.contains("the certificate's key"), "{error}");
}
