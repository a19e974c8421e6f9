//! A key in a PKCS#11 token, which another program asks: a static one cannot load a token's module.

use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use source::keys::{TokenError, TokenSigner};

use crate::exit::{Code, Failure, WithCode};

/// What a URI of a key in a token begins with (RFC 7512), where a program could be named.
const SCHEME: &str = "pkcs11:";

/// The program that loads modules.
const PROGRAM: &str = "sealboot-pkcs11";

/// Whether what signs is a token.
pub fn is_token(sign_with: &str) -> bool {
    sign_with.starts_with(SCHEME)
}

/// Opens the key that the words name, which are one. The PIN is asked for now.
pub(super) fn open(words: &[String], certificate: &Path) -> anyhow::Result<TokenSigner> {
    let [uri] = words else {
        let what =
            "the pkcs11: URI has a space in it, and no key was looked for; it is written %20";
        return Err(anyhow!(what)).code(Code::Usage);
    };
    // Looked at here, so that it reaches no other program.
    if uri
        .split([':', ';', '?', '&'])
        .any(|part| part.starts_with("pin-value="))
    {
        return Err(anyhow!(
            "the pkcs11: URI holds a PIN (pin-value), where every user of this machine can read it; it was not \
             used. pin-source=FILE names a file that has it; without, it is asked for"
        ))
        .code(Code::Usage);
    }
    let program = find()?;
    TokenSigner::start(&program, uri, certificate).map_err(|error| {
        let code = match &error {
            // Its exit codes: what is said of a URI, and of a module that is not there.
            TokenError::Ended { status, .. } => match status.code() {
                Some(2) => Code::Usage,
                Some(3) => Code::Missing,
                _ => Code::Keys,
            },
            TokenError::Start { .. } | TokenError::Answer { .. } => Code::Failed,
            TokenError::Certificate(_) | TokenError::OtherKey { .. } => Code::Keys,
        };
        Failure::new(code, error).into()
    })
}

/// Beside this program, else in PATH, by whole paths only.
fn find() -> anyhow::Result<PathBuf> {
    let own = env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(Path::to_owned);
    let path = env::var_os("PATH").unwrap_or_default();
    let mut candidates = beside
        .into_iter()
        .chain(env::split_paths(&path).filter(|folder| folder.is_absolute()))
        .map(|folder| folder.join(PROGRAM));
    let found = candidates.find(|path| {
        let runs = path
            .metadata()
            .map(|is| is.is_file() && is.permissions().mode() & 0o111 != 0);
        runs.unwrap_or(false)
    });
    found
        .ok_or_else(|| {
            anyhow!(
                "{PROGRAM}, which asks a token, is neither beside sealboot nor in PATH; 'cargo xtask pkcs11' \
                 in sealboot's source builds it"
            )
        })
        .code(Code::Missing)
}
