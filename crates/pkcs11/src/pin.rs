//! The PIN: from a file, or typed without being shown. It is wiped from memory after use.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use cryptoki::types::RawAuthPin;
use zeroize::Zeroizing;

use crate::failure::{Code, Failure};

/// Longest first line of a file that is taken for a PIN, in bytes.
const MOST: usize = 256;

fn failure(what: String) -> Failure {
    Failure::new(Code::Pin, what)
}

/// The first line of a file.
pub(crate) fn of_file(path: &Path) -> Result<RawAuthPin, Failure> {
    first_line(path).map(|mut line| RawAuthPin::new(Box::new(std::mem::take(&mut *line))))
}

fn first_line(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let name = path.display();
    // Of a fixed size: a buffer that grows leaves copies behind.
    let mut buffer = Zeroizing::new([0; MOST + 2]);
    let cannot = |error| failure(format!("the PIN file {name} cannot be read: {error}"));
    let mut file = File::open(path).map_err(cannot)?;
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest).map_err(cannot)? {
            0 => break,
            count => filled += count,
        }
    }
    let text = buffer.get(..filled).unwrap_or_default();
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line.len() {
        0 => Err(failure(format!(
            "the first line of the PIN file {name} is empty"
        ))),
        length if length > MOST => Err(failure(format!(
            "the first line of the PIN file {name} has more than {MOST} bytes, as no PIN has"
        ))),
        _ => Ok(Zeroizing::new(line.to_vec())),
    }
}

/// Typed on the terminal, wherever standard input comes from.
pub(crate) fn asked(question: &str) -> Result<RawAuthPin, Failure> {
    let typed = rpassword::prompt_password(question).map_err(|error| {
        failure(format!(
            "the token wants its PIN, and there is no terminal to ask on ({error}); pin-source=FILE in the \
             URI names a file that has it"
        ))
    })?;
    match typed.is_empty() {
        true => Err(failure("the PIN is empty; it was not tried".to_owned())),
        false => Ok(RawAuthPin::new(Box::new(typed.into_bytes()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_pin() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin");
        let long = "1".repeat(MOST);
        let too_long = "1".repeat(MOST + 1);
        let cases: &[(&str, Result<&str, &str>)] = &[
            ("1234", Ok("1234")),
            ("1234\n", Ok("1234")),
            ("1234\r\nmore\n", Ok("1234")),
            (" 12 34 \n", Ok(" 12 34 ")),
            (&long, Ok(&long)),
            (&too_long, Err("more than 256 bytes")),
            ("", Err("is empty")),
            ("\n1234", Err("is empty")),
        ];
        for (text, expected) in cases {
            std::fs::write(&path, text).unwrap();
            match (first_line(&path), expected) {
                (Ok(pin), Ok(expected)) => assert_eq!(*pin, expected.as_bytes(), "{text:?}"),
                (Err(failure), Err(expected)) => {
                    assert_eq!(failure.code, Code::Pin);
                    assert!(
                        failure.to_string().contains(expected),
                        "{text:?}: {failure}"
                    );
                }
                _ => panic!("{text:?}"),
            }
        }
        let absent = first_line(&folder.path().join("absent")).err().unwrap();
        assert!(absent.to_string().contains("cannot be read"), "{absent}");
    }
}
