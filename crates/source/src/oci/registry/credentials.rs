//! Logins, as docker, podman and skopeo keep them (containers-auth.json(5)): files with a map
//! from registry to login, and programs that look one up (`docker-credential-NAME`).

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64ct::{Base64, Encoding};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::program;

/// The most that is read of a file or of what a program says, in bytes.
const MOST: u64 = 1 << 20;

/// Where logins are looked for. Nothing is read before a registry asks for one.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// A file that was asked for by name: it is the only one, and has to be there.
    pub named: Option<PathBuf>,
    /// Else these, where they are there; the first that has a login for a registry counts.
    pub usual: Vec<PathBuf>,
}

/// How to log in. There is no `Debug`: it is never printed.
pub(super) enum Login {
    /// User and password.
    Password(Zeroizing<String>, Zeroizing<String>),
    /// A token with which others are fetched.
    Identity(Zeroizing<String>),
}

/// Why a login cannot be had. No message holds anything of a file or of what a program says.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file cannot be read.
    #[error("cannot read the logins in {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("the logins in {} cannot be read: line {line}, column {column}", path.display())]
    Json {
        /// Which file.
        path: PathBuf,
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// A login in the file is not what it should be.
    #[error(
        "the login for {registry} in {} is not user:password in base64; log in again",
        path.display()
    )]
    Entry {
        /// Which file.
        path: PathBuf,
        /// For which registry.
        registry: String,
    },
    /// A program that looks up logins cannot be asked.
    #[error("{program}, which the logins in {} ask for, {what}", path.display())]
    Helper {
        /// The program.
        program: String,
        /// Which file names it.
        path: PathBuf,
        /// What went wrong.
        what: String,
    },
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct File {
    auths: BTreeMap<String, Auth>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    #[serde(deserialize_with = "secret")]
    auth: Zeroizing<String>,
    #[serde(deserialize_with = "secret")]
    identitytoken: Zeroizing<String>,
    #[serde(deserialize_with = "secret")]
    username: Zeroizing<String>,
    #[serde(deserialize_with = "secret")]
    password: Zeroizing<String>,
}

/// What a program says.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Said {
    #[serde(deserialize_with = "secret")]
    username: Zeroizing<String>,
    #[serde(deserialize_with = "secret")]
    secret: Zeroizing<String>,
}

impl Credentials {
    /// The login for a repository, when there is one.
    pub(super) fn find(&self, host: &str, name: &str) -> Result<Option<Login>, CredentialsError> {
        let files: Vec<&Path> = match &self.named {
            Some(named) => vec![named],
            None => self.usual.iter().map(PathBuf::as_path).collect(),
        };
        for path in files {
            let bytes = match read(path) {
                Ok(bytes) => bytes,
                Err(error) if self.named.is_none() && is_absent(&error) => continue,
                Err(source) => {
                    let path = path.to_owned();
                    return Err(CredentialsError::Read { path, source });
                }
            };
            // serde's own message would repeat what stands there.
            let file: File =
                serde_json::from_slice(&bytes).map_err(|e| CredentialsError::Json {
                    path: path.to_owned(),
                    line: e.line(),
                    column: e.column(),
                })?;
            let found = file.find(path, host, name)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

impl File {
    /// In order: the program for this registry, the login for the nearest name above the
    /// repository, the program for all.
    fn find(&self, path: &Path, host: &str, name: &str) -> Result<Option<Login>, CredentialsError> {
        if let Some(helper) = self.cred_helpers.get(host) {
            return ask(helper, path, host);
        }
        let whole = format!("{host}/{name}");
        let above = std::iter::successors(Some(whole.as_str()), |name| {
            name.rsplit_once('/').map(|(above, _)| above)
        });
        for key in above {
            let exactly = self.auths.get(key);
            // Docker's older keys are addresses: https://registry.example/v1/
            let as_address = || {
                let mut all = self.auths.iter();
                all.find(|(known, _)| key == host && host_of(known) == host)
                    .map(|(_, auth)| auth)
            };
            if let Some(login) = exactly.or_else(as_address).map(Auth::login) {
                let wrong = || CredentialsError::Entry {
                    path: path.to_owned(),
                    registry: key.to_owned(),
                };
                match login.ok_or_else(wrong)? {
                    None => {}
                    found => return Ok(found),
                }
            }
        }
        match self.creds_store.as_str() {
            "" => Ok(None),
            store => ask(store, path, host),
        }
    }
}

impl Auth {
    /// `Some(None)` where nothing is said; `None` where it cannot be understood.
    fn login(&self) -> Option<Option<Login>> {
        if !self.identitytoken.is_empty() {
            return Some(Some(Login::Identity(self.identitytoken.clone())));
        }
        if self.auth.is_empty() {
            let password = Login::Password(self.username.clone(), self.password.clone());
            return Some((!self.username.is_empty()).then_some(password));
        }
        let plain = Zeroizing::new(Base64::decode_vec(&self.auth).ok()?);
        let (user, password) = std::str::from_utf8(&plain).ok()?.split_once(':')?;
        // Docker fills up with zero bytes.
        let password = password.trim_end_matches('\0');
        let own = |text: &str| Zeroizing::new(text.to_owned());
        Some(Some(Login::Password(own(user), own(password))))
    }
}

/// A text that is wiped from memory.
pub(super) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(from).map(Zeroizing::new)
}

/// The host of a key: without scheme and path.
fn host_of(key: &str) -> &str {
    let rest = key.split_once("://").map_or(key, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

fn read(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    std::fs::File::open(path)?
        .take(MOST)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

/// Asks `docker-credential-NAME get`: the registry on its standard input, JSON on its output.
fn ask(helper: &str, path: &Path, host: &str) -> Result<Option<Login>, CredentialsError> {
    let program = format!("docker-credential-{helper}");
    let failed = |what: String| CredentialsError::Helper {
        program: program.clone(),
        path: path.to_owned(),
        what,
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if helper.is_empty() || !helper.chars().all(is_name) {
        return Err(failed("is not the name of a program".to_owned()));
    }
    let mut command = Command::new(&program);
    let question = format!("{host}\n");
    let asked = program::ask(command.arg("get"), question.as_bytes(), MOST);
    let (said, status) = asked.map_err(failed)?;
    if !status.success() {
        let text = String::from_utf8_lossy(&said);
        if text.contains("credentials not found") {
            return Ok(None);
        }
        return Err(failed(format!(
            "failed ({status}); try: echo {host} | {program} get"
        )));
    }
    let Ok(said) = serde_json::from_slice::<Said>(&said) else {
        return Err(failed(
            "did not say JSON with Username and Secret".to_owned(),
        ));
    };
    Ok(Some(match said.username.as_str() {
        "<token>" => Login::Identity(said.secret),
        _ => Login::Password(said.username, said.secret),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, host: &str, name: &str) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let credentials = Credentials {
            named: Some(file.path().to_owned()),
            usual: Vec::new(),
        };
        let path = file.path().display().to_string();
        match credentials.find(host, name) {
            Ok(None) => Ok("nobody".to_owned()),
            Ok(Some(Login::Identity(token))) => Ok(format!("token {}", *token)),
            Ok(Some(Login::Password(user, password))) => Ok(format!("{} {}", *user, *password)),
            Err(error) => Err(error.to_string().replace(&path, "FILE")),
        }
    }

    #[test]
    fn the_nearest_login_counts() {
        // u:p, v:q, w:x:y
        let text = r#"{"auths": {
            "r.example": {"auth": "dTpw"},
            "r.example/team": {"auth": "djpx"},
            "https://old.example/v1/": {"auth": "dzp4Onk=", "email": "a@b"},
            "t.example": {"auth": "dTpw", "identitytoken": "long"},
            "e.example": {},
            "p.example": {"username": "a", "password": "b"}}}"#;
        for (host, name, expected) in [
            ("r.example", "other/x", "u p"),
            ("r.example", "team/x/y", "v q"),
            ("r.example", "teams", "u p"),
            ("old.example", "x", "w x:y"),
            ("t.example", "x", "token long"),
            ("e.example", "x", "nobody"),
            ("p.example", "x", "a b"),
            ("r.example:443", "x", "nobody"),
        ] {
            assert_eq!(
                find(text, host, name),
                Ok(expected.to_owned()),
                "{host}/{name}"
            );
        }
    }

    #[test]
    fn nothing_of_a_file_is_repeated() {
        for (text, expected) in [
            (
                "{\"auths\": {\"r.example\": \"hunter2\"}}",
                "the logins in FILE cannot be read: line 1, column 33",
            ),
            (
                "hunter2",
                "the logins in FILE cannot be read: line 1, column 1",
            ),
            (
                r#"{"auths": {"r.example": {"auth": "hunter2!"}}}"#,
                "the login for r.example in FILE is not user:password in base64; log in again",
            ),
            (
                r#"{"credHelpers": {"r.example": "../hunter"}}"#,
                "docker-credential-../hunter, which the logins in FILE ask for, is not the name \
                 of a program",
            ),
        ] {
            assert_eq!(find(text, "r.example", "x"), Err(expected.to_owned()));
        }
        let error = find(r#"{"credsStore": "that-is-not-there"}"#, "r.example", "x").unwrap_err();
        assert!(
            error.contains("docker-credential-that-is-not-there"),
            "{error}"
        );
        assert!(error.contains("cannot be started"), "{error}");
    }

    #[test]
    fn a_file_that_is_asked_for_has_to_be_there() {
        let absent = PathBuf::from("/absent/auth.json");
        let usual = Credentials {
            named: None,
            usual: vec![absent.clone()],
        };
        assert!(
            usual
                .find("r.example", "x")
                .is_ok_and(|found| found.is_none())
        );
        let named = Credentials {
            named: Some(absent),
            usual: Vec::new(),
        };
        let error = named.find("r.example", "x").err().unwrap();
        assert_eq!(
            error.to_string(),
            "cannot read the logins in /absent/auth.json"
        );
    }
}
