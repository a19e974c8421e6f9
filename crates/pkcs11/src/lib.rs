//! What `sealboot-pkcs11` does: loads the module of a token's maker, finds a token and an RSA key by a URI
//! (RFC 7512), and signs SHA-256 digests with it (PKCS#11 3.1, section 6.1.6, CKM_RSA_PKCS).
//!
//! A module is a shared library that anybody may have written, so it runs here, in a process of its own:
//! `sealboot` is static, loads no code, and never sees a PIN.

mod arguments;
mod channel;
mod failure;
mod key;
mod list;
mod login;
mod memory;
mod module;
mod pin;
mod serve;
mod token;
mod uri;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use arguments::Job;
use channel::Channel;
use failure::Failure;
use module::Module;

/// Does what the command line says; says on standard error why it could not.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match job(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to be told when this fails.
            let _ = writeln!(std::io::stderr(), "sealboot-pkcs11: {failure}");
            ExitCode::from(failure.code as u8)
        }
    }
}

fn job(arguments: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let (job, uri) = match arguments::read(arguments)? {
        arguments::Read::Print(text) => return Channel::take()?.say(&text),
        arguments::Read::Do(job, uri) => (job, uri),
    };
    memory::keep_private()?;
    // Before anything of the module runs: it may print.
    let mut channel = Channel::take()?;
    let module = Module::load(&uri)?;
    match job {
        Job::List => list::tokens(&module, &uri, &mut channel),
        Job::One => serve::one(&module, &uri, &mut channel),
        Job::Many => serve::many(&module, &uri, &mut channel),
    }
}
