//! OpenPGP's cleartext signature framework (RFC 9580, section 7): finding the signed text.
//!
//! The framework's weak spot is the difference between what is signed and what a reader takes for
//! signed. Here there is none: [`split`] returns the text that gets hashed, that text alone is
//! parsed afterwards, and a file with anything before, between or after the one message is
//! refused, as are escapes and control characters that no archive writes.

use pgp::composed::{Deserializable, DetachedSignature};
use pgp::packet::Signature;

const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const END: &str = "-----END PGP SIGNATURE-----";

/// The most signatures that are looked at; Debian's files have up to four.
const MOST_SIGNATURES: usize = 16;

/// A cleartext signed message, taken apart and not yet verified.
#[derive(Debug)]
pub(crate) struct Message {
    /// The text as it is hashed: escapes taken away, lines separated by CR LF.
    pub(crate) text: String,
    /// The signatures over it.
    pub(crate) signatures: Vec<Signature>,
}

/// Why a file is not one cleartext signed message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The framework's lines are not as they should be.
    #[error("line {line} of the signed file is {found:?}; {expected}")]
    Frame {
        /// Counted from 1.
        line: usize,
        /// The line, shortened.
        found: String,
        /// What should be there.
        expected: &'static str,
    },
    /// The file ends too early.
    #[error("the signed file ends before its {missing:?} line")]
    Short {
        /// What was still to come.
        missing: &'static str,
    },
    /// Not UTF-8.
    #[error("the signed file is not UTF-8 from byte {offset} on")]
    Encoding {
        /// In bytes.
        offset: usize,
    },
    /// The signature block cannot be read.
    #[error("the signature block cannot be read")]
    Signature(#[from] Box<pgp::errors::Error>),
    /// There is none, or more than anybody needs.
    #[error("the signature block has {found} signatures; 1 to {MOST_SIGNATURES} are needed")]
    Count {
        /// How many.
        found: usize,
    },
}

/// Takes a cleartext signed message apart; there must be nothing else in `bytes`.
pub(crate) fn split(bytes: &[u8]) -> Result<Message, Error> {
    let file = std::str::from_utf8(bytes).map_err(|error| Error::Encoding {
        offset: error.valid_up_to(),
    })?;
    let mut lines = file
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .enumerate();
    let wrong = |(at, line): (usize, &str), expected| Error::Frame {
        line: at + 1,
        found: line.chars().take(60).collect(),
        expected,
    };
    let mut next = |missing| lines.next().ok_or(Error::Short { missing });

    let first = next(BEGIN)?;
    if first.1 != BEGIN {
        return Err(wrong(
            first,
            "\"-----BEGIN PGP SIGNED MESSAGE-----\" must be first",
        ));
    }
    // 1. Armor headers, up to an empty line. "Hash" is the only one that may be there; what it
    //    says is not used: each signature names its own algorithm.
    loop {
        let line = next("empty")?;
        if line.1.is_empty() {
            break;
        }
        if !line.1.starts_with("Hash: ") {
            return Err(wrong(line, "only \"Hash:\" headers may be there"));
        }
    }
    // 2. The text. Its last line's ending is not part of it, nor is trailing space of any line.
    let mut text = String::with_capacity(file.len());
    let mut begun = false;
    loop {
        let line = next(SIGNATURE)?;
        if line.1 == SIGNATURE {
            break;
        }
        let content = match line.1.strip_prefix('-') {
            None => line.1,
            Some(escaped) => escaped
                .strip_prefix(' ')
                .ok_or_else(|| wrong(line, "a line of the text may not start with a dash"))?,
        };
        if content.contains(|c: char| c.is_control() && c != '\t') {
            return Err(wrong(line, "a control character may not be in the text"));
        }
        if begun {
            text.push_str("\r\n");
        }
        begun = true;
        text.push_str(content.trim_end_matches([' ', '\t']));
    }
    // 3. The armored signatures, and nothing after them.
    let mut armor = format!("{SIGNATURE}\n");
    loop {
        let line = next(END)?;
        armor.push_str(line.1);
        armor.push('\n');
        if line.1 == END {
            break;
        }
    }
    if let Some(line) = lines.find(|(_, line)| !line.trim_ascii().is_empty()) {
        return Err(wrong(line, "nothing may follow the signature"));
    }
    let boxed = |error| Error::Signature(Box::new(error));
    let (found, _) = DetachedSignature::from_armor_many(armor.as_bytes()).map_err(boxed)?;
    let found = found
        .take(MOST_SIGNATURES + 1)
        .map(|found| Ok(found?.signature));
    let signatures: Vec<Signature> = found
        .collect::<Result<_, pgp::errors::Error>>()
        .map_err(boxed)?;
    if !(1..=MOST_SIGNATURES).contains(&signatures.len()) {
        return Err(Error::Count {
            found: signatures.len(),
        });
    }
    Ok(Message { text, signatures })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An Ed25519 signature by a throw-away key; these tests are about the frame around it.
    const ARMOR: &str = "\
-----BEGIN PGP SIGNATURE-----

iHUEARYIAB0WIQRBWH99uMd0vM8TFBZ2L2egssOd5AUCawFh0gAKCRB2L2egssOd
5D0oAQChVsUvebf9H1obwTbZTJaiNp8fnnlotxM7fqgQEzvbYAD/R09uJCQ5g2c5
c0hOxW7lYxJ0w5QxGD4GlXrwr0b9PqI=
-----END PGP SIGNATURE-----
";

    fn file(text: &str) -> String {
        format!("{BEGIN}\nHash: SHA256\n\n{text}\n{ARMOR}")
    }

    #[test]
    fn the_text_is_what_is_hashed() {
        let cases = [
            ("Origin: x\nSuite: y", "Origin: x\r\nSuite: y"),
            ("- -----BEGIN x\n- - a\n- b", "-----BEGIN x\r\n- a\r\nb"),
            ("a \t \n\n b", "a\r\n\r\n b"),
            ("", ""),
            ("\na\n", "\r\na\r\n"),
            ("a\r\nb\r", "a\r\nb"),
        ];
        for (text, expected) in cases {
            let message = split(file(text).as_bytes()).unwrap();
            assert_eq!(message.text, expected, "{text:?}");
            assert_eq!(message.signatures.len(), 1);
        }
    }

    #[test]
    fn anything_else_in_the_file_is_refused() {
        let good = file("Suite: trixie");
        let cases = [
            (format!("\n{good}"), "must be first"),
            (format!("Suite: sid\n{good}"), "must be first"),
            (format!("{good}Suite: sid\n"), "nothing may follow"),
            (format!("{good}{good}"), "nothing may follow"),
            (good.replace("Hash: SHA256", "Suite: sid"), "only \"Hash:\""),
            (
                good.replace("\n\nSuite", "\nNotDashEscaped: yes\n\nSuite"),
                "only \"Hash:\"",
            ),
            (good.replace("Suite", "-Suite"), "may not start with a dash"),
            (
                good.replace("Suite", "-----BEGIN PGP SIGNED MESSAGE-----\nSuite"),
                "may not start with a dash",
            ),
            (
                good.replace("Suite", "Suite: sid\rSuite"),
                "control character",
            ),
            (good.replace("Suite", "\0Suite"), "control character"),
            (
                good.replace(SIGNATURE, "-----BEGIN PGP MESSAGE-----"),
                "may not start with a dash",
            ),
            (
                good.replace(END, ""),
                "ends before its \"-----END PGP SIGNATURE-----\"",
            ),
            (good[..60].to_owned(), "ends before"),
            (good.replace("iHUE", "iXUE"), "signature"),
            (format!("{BEGIN}\n\nx\n{SIGNATURE}\n\n{END}\n"), "signature"),
            (String::new(), "must be first"),
        ];
        for (file, expected) in cases {
            let error = split(file.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}\n{file}");
        }
        assert!(matches!(split(b"\xff"), Err(Error::Encoding { offset: 0 })));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = split(&bytes);
        }

        #[test]
        fn nor_do_damaged_files(at in 0usize..400, to: u8, cut in 0usize..400) {
            let mut bytes = file("Suite: trixie\n- - x").into_bytes();
            let length = bytes.len();
            bytes[at % length] = to;
            bytes.truncate(length - cut % length);
            let _ = split(&bytes);
        }
    }
}
