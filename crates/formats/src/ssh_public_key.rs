//! A public key as OpenSSH writes it on one line: `type base64 comment` (sshd(8),
//! AUTHORIZED_KEYS FILE FORMAT; the blob: RFC 4253, section 6.6, RFC 5656, section 3.1, RFC 8709,
//! section 4, and OpenSSH's PROTOCOL.u2f).

use base64ct::{Base64, Base64Unpadded, Encoding};
use sha2::{Digest, Sha256};

/// The longest line that is read, in bytes. RSA with 16384 bits has 2.8 KB.
const LONGEST: usize = 8192;

/// The smallest RSA key that is taken, in bits.
const LEAST_RSA: usize = 2048;

/// Key types, and how many strings their blob has, the type's name included.
const TYPES: &[(&str, usize)] = &[
    ("ssh-ed25519", 2),
    ("ecdsa-sha2-nistp256", 3),
    ("ecdsa-sha2-nistp384", 3),
    ("ecdsa-sha2-nistp521", 3),
    ("ssh-rsa", 3),
    ("sk-ssh-ed25519@openssh.com", 3),
    ("sk-ecdsa-sha2-nistp256@openssh.com", 4),
];

/// Options before the type that an SSH server on the recovery understands.
const OPTIONS: &[&str] = &[
    "command=",
    "no-agent-forwarding",
    "no-port-forwarding",
    "no-pty",
    "no-touch-required",
    "no-X11-forwarding",
    "permitopen=",
    "restrict",
    "verify-required",
];

/// A key of an `authorized_keys` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// `ssh-ed25519`.
    pub kind: String,
    /// The key itself: strings with their length before them.
    pub blob: Vec<u8>,
    /// What the owner wrote behind it.
    pub comment: String,
}

/// Why a line is no public key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A secret, where everybody will read it.
    #[error(
        "this is a PRIVATE key: it belongs in no configuration and no release; the line that is \
         meant is in the file whose name ends in .pub, and if this file was ever shared, make a new key"
    )]
    Private,
    /// Line breaks, control characters, or no end.
    #[error("one line of printable text with at most {LONGEST} bytes is needed")]
    Line,
    /// The type is unknown, or it is an option.
    #[error("{0} is no key type that the SSH server takes; known are {types}", types = types())]
    Kind(String),
    /// An option that the server would refuse the key for.
    #[error("the option {0:?} is none that the SSH server knows; known are {options}", options = OPTIONS.join(", "))]
    Option(String),
    /// The text behind the type.
    #[error("the text after {0} is not base64; was the line cut?")]
    Base64(String),
    /// The bytes are no key of that type.
    #[error("the key itself is not whole, or is no {0} key; was the line cut?")]
    Blob(String),
    /// Too easy to break.
    #[error("the RSA key has {0} bits; at least {LEAST_RSA} are needed")]
    Small(usize),
}

fn types() -> String {
    let names: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

impl PublicKey {
    /// Reads one line.
    pub fn parse(line: &str) -> Result<Self, Error> {
        if line.contains("PRIVATE KEY") || line.starts_with("PuTTY-User-Key-File") {
            return Err(Error::Private);
        }
        if line.len() > LONGEST || line.chars().any(char::is_control) {
            return Err(Error::Line);
        }
        let line = line.trim();
        let first = line.split(' ').next().unwrap_or_default();
        let rest = match TYPES.iter().any(|(name, _)| *name == first) {
            true => line,
            false => after_options(line)?,
        };
        let mut words = rest.splitn(3, ' ').map(str::trim);
        let kind = words.next().unwrap_or_default();
        let strings = TYPES.iter().find(|(name, _)| *name == kind);
        let Some((_, strings)) = strings else {
            return Err(unknown(kind));
        };
        let blob = words.next().and_then(|text| Base64::decode_vec(text).ok());
        let blob = blob.ok_or_else(|| Error::Base64(kind.to_owned()))?;
        check_blob(kind, *strings, &blob)?;
        Ok(Self {
            kind: kind.to_owned(),
            blob,
            comment: words.next().unwrap_or_default().to_owned(),
        })
    }

    /// The fingerprint as ssh(1) shows it: `SHA256:` and the digest in base64 without padding.
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(&self.blob);
        format!("SHA256:{}", Base64Unpadded::encode_string(&digest))
    }
}

/// An error that repeats the word only if it looks like a type: it may be part of a secret.
fn unknown(word: &str) -> Error {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-@.#".contains(&b);
    let shown = (1..=40).contains(&word.len()) && word.bytes().all(allowed);
    Error::Kind(match shown {
        true => format!("{word:?}"),
        false => "the first word".to_owned(),
    })
}

/// What follows the options, which end at the first blank outside quotes.
fn after_options(line: &str) -> Result<&str, Error> {
    let mut quoted = false;
    let mut escaped = false;
    let mut start = 0;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' if !escaped => quoted = !quoted,
            b',' | b' ' if !quoted => {
                let option = line.get(start..at).unwrap_or_default();
                let known = |known: &&str| match known.strip_suffix('=') {
                    Some(name) => option
                        .strip_prefix(name)
                        .is_some_and(|rest| rest.starts_with('=')),
                    None => option.eq_ignore_ascii_case(known),
                };
                if !OPTIONS.iter().any(known) {
                    let looks_like_kind = start == 0 && byte == b' ';
                    return Err(match looks_like_kind {
                        true => unknown(option),
                        false => Error::Option(option.to_owned()),
                    });
                }
                start = at + 1;
                if byte == b' ' {
                    return Ok(line.get(start..).unwrap_or_default().trim_start());
                }
            }
            _ => {}
        }
        escaped = byte == b'\\' && !escaped;
    }
    Err(unknown(line.split(' ').next().unwrap_or_default()))
}

/// A blob is strings, the first of which is the type again.
fn check_blob(kind: &str, strings: usize, blob: &[u8]) -> Result<(), Error> {
    let bad = || Error::Blob(kind.to_owned());
    let mut rest = blob;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(bad)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| bad())?;
        let (string, after) = after.split_at_checked(length).ok_or_else(bad)?;
        found.push(string);
        rest = after;
    }
    if found.len() != strings || found.first() != Some(&kind.as_bytes()) {
        return Err(bad());
    }
    let last = found.get(1..).and_then(<[_]>::last).ok_or_else(bad)?;
    match kind {
        "ssh-ed25519" if last.len() != 32 => Err(bad()),
        // A number with its sign bit: a zero byte before the first bit.
        "ssh-rsa" => match last.iter().skip_while(|byte| **byte == 0).count() * 8 {
            bits if bits < LEAST_RSA => Err(Error::Small(bits)),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    #[test]
    fn a_line_is_read_and_has_sshs_fingerprint() {
        let key = PublicKey::parse(&format!("{ED25519} owner at home")).unwrap();
        assert_eq!(
            (&*key.kind, &*key.comment),
            ("ssh-ed25519", "owner at home")
        );
        // GitHub publishes this key, and this fingerprint for it.
        assert_eq!(
            key.fingerprint(),
            "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"
        );
    }

    #[test]
    fn options_that_the_server_knows_may_come_first() {
        for options in [
            "restrict",
            "no-pty,command=\"echo \\\"a b\\\"\"",
            "permitopen=\"a:1\"",
        ] {
            let line = format!("{options} {ED25519}");
            assert!(PublicKey::parse(&line).is_ok(), "{line}");
        }
        let line = format!("restrict,from=\"10.0.0.1\" {ED25519}");
        assert_eq!(
            PublicKey::parse(&line),
            Err(Error::Option("from=\"10.0.0.1\"".to_owned()))
        );
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        let cut = &ED25519[..ED25519.len() - 4];
        let other = ED25519.replacen("ssh-ed25519", "ssh-rsa", 1);
        let kind = |kind: &str| Error::Kind(kind.to_owned());
        for (line, expected) in [
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3", Error::Private),
            ("PuTTY-User-Key-File-3: ssh-ed25519", Error::Private),
            ("", kind("the first word")),
            ("# home", kind("\"#\"")),
            ("ssh-dss AAAAB3", kind("\"ssh-dss\"")),
            ("b3BlbnNzaC1rZXktdjEAAAAABG5vbmU", kind("the first word")),
            ("ssh-ed25519", Error::Base64("ssh-ed25519".to_owned())),
            ("ssh-ed25519 =", Error::Base64("ssh-ed25519".to_owned())),
            (cut, Error::Blob("ssh-ed25519".to_owned())),
            (&other, Error::Blob("ssh-rsa".to_owned())),
            ("ssh-ed25519 A\nssh-ed25519 B", Error::Line),
        ] {
            assert_eq!(PublicKey::parse(line), Err(expected), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(line in "(ssh-(rsa|ed25519) )?[ -~]{0,80}") {
            let _ = PublicKey::parse(&line);
        }
    }
}
