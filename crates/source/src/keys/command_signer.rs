//! A signer that is another program: a smart card's tool, a key service's client, ssh to a machine
//! that has the key.

use std::path::Path;
use std::process::Command;

use sha2::{Digest, Sha256};

use super::file_signer::load_certificate;
use super::{LoadError, SignError, Signer, verify};
use crate::program::ask;

/// Longest signature, in bytes: that of RSA with 8192 bits.
const MOST: u64 = 1024;

/// Signs by starting a program for each signature. It gets the SHA-256 digest on its standard input, 32
/// bytes, and gives an RSA PKCS#1 v1.5 signature over it (RFC 8017, section 8.2.1, from step 2 of the
/// encoding on), raw, on its standard output. What it says on standard error the owner reads.
pub struct CommandSigner {
    program: String,
    arguments: Vec<String>,
    certificate: Vec<u8>,
}

impl CommandSigner {
    /// A program with its arguments, and the certificate of its key (PEM or DER). Nothing is started
    /// yet.
    pub fn new(command: &[String], certificate: &Path) -> Result<Self, LoadError> {
        let Some((program, arguments)) = command.split_first() else {
            return Err(LoadError::NoCommand);
        };
        Ok(Self {
            program: program.clone(),
            arguments: arguments.to_vec(),
            certificate: load_certificate(certificate)?.0,
        })
    }

    /// What the program answers to a digest.
    fn ask(&self, digest: &[u8]) -> Result<Vec<u8>, String> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        let asked = ask(&mut command, digest, MOST + 1);
        let (answer, status) = asked.map_err(|error| format!("it {error}"))?;
        let too_long = answer.len() as u64 > MOST;
        match status.success() {
            _ if too_long => Err(format!(
                "it gave more than {MOST} bytes, as no signature has"
            )),
            true => Ok(answer.to_vec()),
            false => Err(format!("it ended with {status}")),
        }
    }
}

impl Signer for CommandSigner {
    fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let failed = |reason: String| SignError {
            key: format!("the program {}", self.program),
            reason,
        };
        let signature = self.ask(&Sha256::digest(message)).map_err(failed)?;
        verify(&self.certificate, message, &signature).map_err(|_| {
            failed(format!(
                "the {} bytes that it gave are no PKCS#1 v1.5 signature of the digest by the \
                 certificate's key",
                signature.len()
            ))
        })?;
        Ok(signature)
    }
}
