//! A signer that is a program which goes on running: `sealboot-pkcs11 --many`, which asks for a token's PIN
//! once, and then signs as often as it is asked.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::file_signer::load_certificate;
use super::{LoadError, SignError, Signer, verify};

/// Lengths of an RSA modulus in bytes: 2048 to 8192 bits.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;

/// Signs with the key that a `pkcs11:` URI names. The program has the PIN; this one never sees it.
pub struct TokenSigner {
    program: Mutex<Program>,
    /// Of each signature, in bytes.
    length: usize,
    uri: String,
    certificate: Vec<u8>,
}

/// Why no key of a token can be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] LoadError),
    /// The program cannot be started.
    #[error("{program} cannot be started")]
    Start {
        /// Its file.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It gave no key.
    #[error("no key of the token signs: {program} said why, above, and ended with {status}")]
    Ended {
        /// Its file.
        program: PathBuf,
        /// How.
        status: ExitStatus,
    },
    /// It is something else.
    #[error(
        "{program} did not answer as sealboot-pkcs11 does; one that was built with this sealboot is needed"
    )]
    Answer {
        /// Its file.
        program: PathBuf,
    },
    /// The key is another one.
    #[error(
        "the token's key is not the one of the certificate {certificate}; the URI names another key"
    )]
    OtherKey {
        /// The certificate's file.
        certificate: PathBuf,
    },
}

impl TokenSigner {
    /// Starts the program, which finds the key and asks for the PIN, and looks that the certificate (PEM or
    /// DER) is that key's.
    pub fn start(program: &Path, uri: &str, certificate: &Path) -> Result<Self, TokenError> {
        let (der, fields) = load_certificate(certificate)?;
        let path = || program.to_owned();
        let mut running = Program::start(program, uri).map_err(|source| TokenError::Start {
            program: path(),
            source,
        })?;
        let Some(modulus) = running.modulus() else {
            return Err(match running.end() {
                Some(status) if !status.success() => TokenError::Ended {
                    program: path(),
                    status,
                },
                _ => TokenError::Answer { program: path() },
            });
        };
        // Early, before anything is built. What counts is that each signature verifies.
        let key = &fields.public_key;
        if !key.windows(modulus.len()).any(|window| window == modulus) {
            return Err(TokenError::OtherKey {
                certificate: certificate.to_owned(),
            });
        }
        Ok(Self {
            program: Mutex::new(running),
            length: modulus.len(),
            uri: uri.to_owned(),
            certificate: der,
        })
    }
}

impl Signer for TokenSigner {
    fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let failed = |reason: String| SignError {
            key: self.uri.clone(),
            reason,
        };
        let mut program = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        let mut signature = vec![0; self.length];
        if let Err(error) = program.ask(&Sha256::digest(message), &mut signature) {
            return Err(failed(match program.end() {
                Some(status) => format!("sealboot-pkcs11 ended with {status}"),
                None => format!("sealboot-pkcs11 does not answer: {error}"),
            }));
        }
        verify(&self.certificate, message, &signature).map_err(|_| {
            failed("what it gave is no signature of the digest by the certificate's key".to_owned())
        })?;
        Ok(signature)
    }
}

/// The program, and both ends of talking to it.
struct Program {
    child: Child,
    /// It ends when this is closed.
    input: Option<ChildStdin>,
    output: Option<ChildStdout>,
}

impl Program {
    fn start(program: &Path, uri: &str) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(["--many", uri]);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        Ok(Self {
            input: child.stdin.take(),
            output: child.stdout.take(),
            child,
        })
    }

    /// What it says first: length of the modulus (2 bytes, big-endian), and the modulus.
    fn modulus(&mut self) -> Option<Vec<u8>> {
        let output = self.output.as_mut()?;
        let mut length = [0; 2];
        output.read_exact(&mut length).ok()?;
        let length = usize::from(u16::from_be_bytes(length));
        let mut modulus = vec![0; Some(length).filter(|length| MODULUS.contains(length))?];
        output.read_exact(&mut modulus).ok()?;
        Some(modulus)
    }

    fn ask(&mut self, digest: &[u8], signature: &mut [u8]) -> io::Result<()> {
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        self.input.as_mut().ok_or_else(gone)?.write_all(digest)?;
        self.output.as_mut().ok_or_else(gone)?.read_exact(signature)
    }

    /// How it ended; `None` of one that could not be waited for.
    fn end(&mut self) -> Option<ExitStatus> {
        self.input = None;
        // What it still wants to say, nobody waits for.
        self.output = None;
        self.child.wait().ok()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It logs out of the token before it ends.
        self.end();
    }
}
