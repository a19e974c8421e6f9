//! `sealboot-pkcs11`: signs SHA-256 digests with a key in a PKCS#11 token.

use std::process::ExitCode;

fn main() -> ExitCode {
    pkcs11::run(std::env::args_os().skip(1))
}
