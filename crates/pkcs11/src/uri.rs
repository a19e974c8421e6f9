//! What names a token, a key and a module: the PKCS#11 URI scheme
//! (RFC 7512, <https://www.rfc-editor.org/rfc/rfc7512>).
//!
//! Strict where RFC 7512, section 2.4, lets a program choose: an attribute that is not known here could narrow
//! down what fits, so it is refused, not passed over.

use std::path::PathBuf;

use crate::failure::{Code, Failure};

/// A URI, taken apart. An attribute that is not there fits everything.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Uri {
    pub(crate) token: Option<String>,
    pub(crate) manufacturer: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) slot: Option<u64>,
    /// The key's label.
    pub(crate) object: Option<String>,
    pub(crate) id: Option<Vec<u8>>,
    pub(crate) module: Option<Named>,
    pub(crate) pin_source: Option<PathBuf>,
}

/// How the module is named.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// By its file.
    Path(PathBuf),
    /// By its file's name, without `lib` and `.so`.
    Name(String),
}

const SCHEME: &str = "pkcs11:";

/// Attributes of the path, which RFC 7512, section 2.3, puts before the `?`.
const PATH: &[&str] = &[
    "token",
    "manufacturer",
    "serial",
    "model",
    "slot-id",
    "object",
    "id",
    "type",
];

/// Attributes of the query.
const QUERY: &[&str] = &["module-path", "module-name", "pin-source"];

fn wrong(what: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Usage, format!("the URI cannot be used: {what}"))
}

impl Uri {
    /// Reads a URI. No error shows a value: one of them could be a PIN in the wrong place.
    pub(crate) fn read(text: &str) -> Result<Self, Failure> {
        let rest = text
            .strip_prefix(SCHEME)
            .ok_or_else(|| wrong("it does not begin with pkcs11:"))?;
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let mut uri = Self::default();
        let mut seen = Vec::new();
        let query = query.unwrap_or_default();
        let parts = [(path, ';', PATH, QUERY), (query, '&', QUERY, PATH)];
        for (part, separator, own, others) in parts {
            if part.is_empty() {
                continue;
            }
            for attribute in part.split(separator) {
                let (name, value) = attribute.split_once('=').ok_or_else(|| {
                    wrong(format!("after {} an attribute has no '='", before(&seen)))
                })?;
                known(name, own, others)?;
                if seen.contains(&name) {
                    return Err(wrong(format!("{name} is there twice")));
                }
                seen.push(name);
                uri.set(name, decode(name, value)?)?;
            }
        }
        if seen.contains(&"module-path") && seen.contains(&"module-name") {
            return Err(wrong(
                "it has both module-path and module-name; one of them is the module",
            ));
        }
        Ok(uri)
    }

    fn set(&mut self, name: &str, value: Vec<u8>) -> Result<(), Failure> {
        if name == "id" {
            self.id = Some(value);
            return Ok(());
        }
        let value = String::from_utf8(value)
            .map_err(|_| wrong(format!("{name} is not UTF-8 after %XX are decoded")))?;
        match name {
            "token" => self.token = Some(value),
            "manufacturer" => self.manufacturer = Some(value),
            "serial" => self.serial = Some(value),
            "model" => self.model = Some(value),
            "object" => self.object = Some(value),
            "slot-id" => {
                let digits = value.bytes().all(|byte| byte.is_ascii_digit());
                let number = value.parse().ok().filter(|_| digits);
                self.slot = Some(number.ok_or_else(|| wrong("slot-id is not a number"))?);
            }
            "type" if value == "private" => {}
            "type" => return Err(wrong("its type is not private, and no other key signs")),
            "module-path" => self.module = Some(Named::Path(module_path(value)?)),
            "module-name" => self.module = Some(Named::Name(module_name(value)?)),
            _ => self.pin_source = Some(pin_source(&value)?),
        }
        Ok(())
    }
}

/// The name of the attribute before one that has none.
fn before(seen: &[&str]) -> String {
    seen.last()
        .map_or("pkcs11:".to_owned(), |name| (*name).to_owned())
}

fn known(name: &str, own: &[&str], others: &[&str]) -> Result<(), Failure> {
    if own.contains(&name) {
        return Ok(());
    }
    Err(wrong(match name {
        "pin-value" => "pin-value would put the PIN where every user of this machine can read it, among the \
                        arguments of programs; it was not used. pin-source=FILE names a file that has it; \
                        without, it is asked for"
            .to_owned(),
        _ if others.contains(&name) => match own == PATH {
            true => format!("{name} belongs after the '?'"),
            false => format!("{name} belongs before the '?'"),
        },
        _ => format!(
            "{name:?} is not known; there are {}, and after the '?' {}",
            PATH.join(", "),
            QUERY.join(", ")
        ),
    }))
}

/// Percent-decoding (RFC 3986, section 2.1). What may not stand as it is, is refused: a space or a quote is a
/// slip of the shell's more often than meant.
fn decode(name: &str, value: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = value.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(bytes.next()), digit(bytes.next()));
                let both = high.zip(low).map(|(high, low)| high << 4 | low);
                let byte = both.and_then(|both| u8::try_from(both).ok());
                decoded.push(byte.ok_or_else(|| {
                    wrong(format!("in {name}, '%' is not before two hex digits"))
                })?);
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => decoded.push(byte),
            // RFC 7512, section 2.3: unreserved, and what may stand in a value. Separators never get here.
            b'-' | b'.' | b'_' | b'~' | b':' | b'[' | b']' | b'@' | b'!' | b'$' | b'\'' | b'('
            | b')' | b'*' | b'+' | b',' | b'=' | b'/' | b'?' | b'|' | b'&' => decoded.push(byte),
            _ => {
                return Err(wrong(format!(
                    "in {name}, the byte 0x{byte:02x} must be written %{byte:02X}"
                )));
            }
        }
    }
    Ok(decoded)
}

fn module_path(value: String) -> Result<PathBuf, Failure> {
    match value.starts_with('/') {
        true => Ok(value.into()),
        // The loader would look for it where the environment says.
        false => Err(wrong("module-path does not begin with '/'")),
    }
}

fn module_name(value: String) -> Result<String, Failure> {
    match value.is_empty() || value.contains('/') {
        true => Err(wrong(
            "module-name is not the name of a file; module-path takes a path",
        )),
        false => Ok(value),
    }
}

fn pin_source(value: &str) -> Result<PathBuf, Failure> {
    let path = match value.strip_prefix("file:") {
        Some(rest) => match rest.strip_prefix("//") {
            Some(local) if !local.starts_with('/') => {
                return Err(wrong("pin-source is a file of another machine"));
            }
            Some(local) => local,
            None => rest,
        },
        None if value.starts_with('|') => {
            return Err(wrong(
                "pin-source is a command, and none is run; a file is read",
            ));
        }
        None => value,
    };
    match path.is_empty() {
        true => Err(wrong("pin-source names no file")),
        false => Ok(path.into()),
    }
}

/// `name=value` as it stands in a URI: every byte that is not unreserved (RFC 3986, section 2.3) as `%XX`.
pub(crate) fn attribute(name: &str, value: &[u8]) -> String {
    // A path's slashes may stay, and are easier to read so.
    let path = QUERY.contains(&name);
    let mut text = format!("{name}=");
    for byte in value {
        match byte {
            // An id is bytes: none is a letter by more than chance.
            _ if name == "id" => text.push_str(&format!("%{byte:02X}")),
            b'/' if path => text.push('/'),
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) => {
                text.push(char::from(*byte))
            }
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests;
