//! A key in a PKCS#11 token, by the tools that others use for that.

use source::keys::{CommandSigner, Signer, sign_detached};

use crate::owner::Owner;

#[test]
fn softhsm_signs_as_the_file_does() {
    let owner = Owner::new("Test Owner");
    let folder = tempfile::tempdir().unwrap();
    let program = tests::softhsm(folder.path(), &owner.path("db.key"));
    let command = [program.display().to_string()];
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
