//! Asking one repository: logins and tokens (distribution-spec, and "Token Authentication
//! Specification" of the distribution project).

use std::sync::{Arc, Mutex, PoisonError};

use base64ct::{Base64, Encoding};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::challenge::{self, Challenge};
use super::credentials::{Login, secret};
use super::{Settings, is_plain};
use crate::fetch::{self, Access, Client};
use crate::oci::media_type::{INDEXES, MANIFESTS};

/// The most that is read of an answer with a token, in bytes.
const TOKEN_MAX: u64 = 1 << 20;

/// What is wanted of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    Pull,
    Push,
}

/// What is known of how one repository wants to be asked.
pub(super) struct Session {
    /// Without [`Access`] of its own: asks for tokens.
    client: Client,
    settings: Settings,
    host: String,
    name: String,
    intent: Intent,
    accept: String,
    /// Value of the `Authorization` header that was last good enough.
    header: Mutex<Option<Zeroizing<String>>>,
}

/// Why a login to a registry does not come about.
#[derive(Debug, thiserror::Error)]
enum LoginError {
    #[error("it asks for {0}; passwords (Basic) and tokens (Bearer) are known here")]
    Scheme(String),
    #[error(
        "it sends to {0} for a token, which is not a https address: neither login nor token would \
         be safe on the way"
    )]
    Realm(String),
    #[error("what {0} sends is no token")]
    Token(String),
}

/// An answer with a token.
#[derive(Deserialize)]
struct Token {
    #[serde(default, deserialize_with = "secret")]
    token: Zeroizing<String>,
    #[serde(default, deserialize_with = "secret")]
    access_token: Zeroizing<String>,
}

impl Session {
    pub(super) fn new(
        client: &Client,
        settings: &Settings,
        (host, name): (&str, &str),
        intent: Intent,
    ) -> Self {
        Self {
            client: client.clone(),
            settings: settings.clone(),
            host: host.to_owned(),
            name: name.to_owned(),
            intent,
            accept: [MANIFESTS, INDEXES].concat().join(", "),
            header: Mutex::new(None),
        }
    }

    fn failed(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> fetch::Error {
        fetch::Error::Login {
            host: self.host.clone(),
            source: source.into(),
        }
    }

    fn login(&self) -> Result<Option<Login>, fetch::Error> {
        let found = self.settings.credentials.find(&self.host, &self.name);
        found.map_err(|error| self.failed(error))
    }

    /// Fetches a token for this repository.
    fn token(&self, challenge: &Challenge) -> Result<Zeroizing<String>, fetch::Error> {
        let realm = challenge.get("realm").unwrap_or_default();
        let plain = match (
            realm.strip_prefix("https://"),
            realm.strip_prefix("http://"),
        ) {
            (Some(rest), _) if !authority(rest).contains('@') => false,
            (_, Some(rest)) if is_plain(authority(rest), &self.settings) => true,
            _ => {
                let shown = realm.chars().take(200).collect();
                return Err(self.failed(LoginError::Realm(shown)));
            }
        };
        // A look at what is there is answered with less than is needed to send what is not.
        let (own, said) = match self.intent {
            Intent::Pull => ("pull", challenge.get("scope")),
            Intent::Push => ("pull,push", None),
        };
        let own = format!("repository:{}:{own}", self.name);
        let scope = said.unwrap_or(&own);
        let service = challenge.get("service").unwrap_or(&self.host);
        let login = self.login()?;
        let asking = |header| {
            let asking = TokenAccess { header, plain };
            self.client.with_access(Arc::new(asking))
        };
        let bytes = match &login {
            Some(Login::Identity(token)) => {
                let form = [
                    ("grant_type", "refresh_token"),
                    ("client_id", "sealboot"),
                    ("service", service),
                    ("scope", scope),
                    ("refresh_token", token.as_str()),
                ];
                asking(None).post_form(realm, &Zeroizing::new(encode(&form)), TOKEN_MAX)?
            }
            other => {
                let header = other.as_ref().and_then(basic);
                let join = if realm.contains('?') { '&' } else { '?' };
                let query = encode(&[("service", service), ("scope", scope)]);
                let url = format!("{realm}{join}{query}");
                asking(header).fetch_document(&url, TOKEN_MAX, &())?.0
            }
        };
        let bytes = Zeroizing::new(bytes);
        let parsed: Option<Token> = serde_json::from_slice(&bytes).ok();
        let token = parsed.map(|found| match found.token.is_empty() {
            true => found.access_token,
            false => found.token,
        });
        let printable = |text: &Zeroizing<String>| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let token = token.filter(printable);
        token.ok_or_else(|| self.failed(LoginError::Token(realm.to_owned())))
    }
}

impl Access for Session {
    fn authorization(&self) -> Result<Option<Zeroizing<String>>, fetch::Error> {
        Ok(self
            .header
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone())
    }

    fn challenged(&self, used: Option<&str>, challenges: &[String]) -> Result<bool, fetch::Error> {
        let mut header = self.header.lock().unwrap_or_else(PoisonError::into_inner);
        let known = header.as_ref().map(|header| header.as_str());
        if known != used {
            // Another download was asked the same, and has answered.
            return Ok(true);
        }
        let all: Vec<Challenge> = challenges
            .iter()
            .flat_map(|one| challenge::parse(one))
            .collect();
        let of = |scheme: &str| all.iter().find(|one| one.scheme == scheme);
        let new = if let Some(bearer) = of("bearer") {
            Some(Zeroizing::new(format!("Bearer {}", *self.token(bearer)?)))
        } else if of("basic").is_some() {
            self.login()?.as_ref().and_then(basic)
        } else if let Some(other) = all.first() {
            let scheme = other.scheme.chars().take(40).collect();
            return Err(self.failed(LoginError::Scheme(scheme)));
        } else {
            None
        };
        let Some(new) = new.filter(|new| Some(new.as_str()) != known) else {
            return Ok(false);
        };
        *header = Some(new);
        Ok(true)
    }

    fn accept(&self) -> &str {
        &self.accept
    }

    fn takes_plain_http(&self) -> bool {
        is_plain(&self.host, &self.settings)
    }

    fn advice(&self, status: Option<u16>) -> &'static str {
        if let (Intent::Push, Some(status)) = (self.intent, status) {
            return advice_on_pushing(status);
        }
        match status {
            None => {
                "check the registry's name, this machine's clock, and that the package \
                 ca-certificates is installed; a registry that speaks plain HTTP has to be named \
                 in [oci] insecure"
            }
            Some(401) => "log in with 'docker login' or 'podman login', and check name and tag",
            Some(403) => "this login may not read the image; log in as somebody who may",
            Some(404) => "check the image's name and tag",
            Some(429) => "the registry answers no more for now: try later, or log in",
            Some(500..=599) => "try later",
            Some(_) => "check that this is a container registry",
        }
    }
}

/// What to do when a registry does not take something.
fn advice_on_pushing(status: u16) -> &'static str {
    match status {
        301..=308 => "check the registry's name: another address answers for it",
        401 => "log in with 'docker login' or 'podman login' as somebody who may write there",
        403 => {
            "this login may not write there; log in as somebody who may, or have the repository made \
             first"
        }
        404 => "check registry and name; some registries want the repository to be made first",
        405 => {
            "what answers takes no images: check the registry's name, and that it may be written to"
        }
        413 => {
            "this is larger than the registry, or a proxy in front of it, takes: have the limit raised"
        }
        429 => "the registry answers no more for now: try later, or log in",
        507 => "the registry's disk is full",
        408 | 425 => "try later",
        500..=599 => "try later; its disk may be full",
        _ => "check that this is a container registry, and one that knows OCI images",
    }
}

/// A place outside of the registry that it wants something to be sent to: no login goes there.
pub(super) struct Elsewhere {
    pub(super) plain: bool,
}

impl Access for Elsewhere {
    fn authorization(&self) -> Result<Option<Zeroizing<String>>, fetch::Error> {
        Ok(None)
    }

    fn challenged(&self, _: Option<&str>, _: &[String]) -> Result<bool, fetch::Error> {
        Ok(false)
    }

    fn accept(&self) -> &str {
        "*/*"
    }

    fn takes_plain_http(&self) -> bool {
        self.plain
    }

    fn advice(&self, _: Option<u16>) -> &'static str {
        "the registry wants it to be sent there: ask whoever runs it"
    }
}

/// Asking for a token.
struct TokenAccess {
    header: Option<Zeroizing<String>>,
    plain: bool,
}

impl Access for TokenAccess {
    fn authorization(&self) -> Result<Option<Zeroizing<String>>, fetch::Error> {
        Ok(self.header.clone())
    }

    fn challenged(&self, _: Option<&str>, _: &[String]) -> Result<bool, fetch::Error> {
        Ok(false)
    }

    fn accept(&self) -> &str {
        "application/json"
    }

    fn takes_plain_http(&self) -> bool {
        self.plain
    }

    fn advice(&self, status: Option<u16>) -> &'static str {
        match status {
            None => "check this machine's clock, and that the package ca-certificates is installed",
            Some(401 | 403) => {
                "user or password is wrong: log in again with 'docker login' or 'podman login'"
            }
            Some(_) => "try later",
        }
    }
}

/// `Basic` and user:password in base64 (RFC 7617).
fn basic(login: &Login) -> Option<Zeroizing<String>> {
    let Login::Password(user, password) = login else {
        return None;
    };
    let plain = Zeroizing::new(format!("{}:{}", **user, **password));
    let encoded = Zeroizing::new(Base64::encode_string(plain.as_bytes()));
    Some(Zeroizing::new(format!("Basic {}", *encoded)))
}

/// What stands before path and query.
fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// `application/x-www-form-urlencoded`, for queries too.
fn encode(pairs: &[(&str, &str)]) -> String {
    let word = |text: &str| {
        let letters = text.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        });
        letters.collect::<String>()
    };
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", word(name), word(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_encoded() {
        let query = encode(&[("scope", "repository:a/b:pull,push"), ("a b", "&=%é")]);
        let expected = "scope=repository%3Aa%2Fb%3Apull%2Cpush&a%20b=%26%3D%25%C3%A9";
        assert_eq!(query, expected);
        assert_eq!(authority("u@h:1/x?y"), "u@h:1");
    }
}
