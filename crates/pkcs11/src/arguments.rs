//! The command line: one URI, and at most one option.

use std::ffi::OsString;

use crate::failure::{Code, Failure, TABLE};
use crate::uri::Uri;

/// What is to be done with what the URI names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// Sign one digest.
    One,
    /// Sign digests until there are no more.
    Many,
    /// Say what is there.
    List,
}

/// What the command line says.
pub(crate) enum Read {
    /// A text for standard output.
    Print(String),
    /// Something to do.
    Do(Job, Uri),
}

const HELP: &str = "\
Signs SHA-256 digests with an RSA key in a PKCS#11 token

Usage: sealboot-pkcs11 [--many | --list] URI

Without an option: takes a digest (32 bytes) from standard input, and gives the
signature (RSA, PKCS#1 v1.5, as long as the key's modulus) on standard output.

Options:
  --many     Sign any number of digests, and ask for the PIN once. First gives
             the modulus' length in bytes (2 bytes, the higher first) and the
             modulus; then, for each 32 bytes of standard input, a signature
  --list     Show the tokens that fit and, when it is one, its RSA keys, each
             with its URI
  --help     Print this
  --version  Print the version

URI (RFC 7512): pkcs11:ATTRIBUTE;ATTRIBUTE?QUERY&QUERY
  token=, manufacturer=, serial=, model=, slot-id=    which token
  object=, id=, type=private                          which key
  module-path=FILE   the module of the token's maker, a shared library
  module-name=NAME   the same by its name: opensc-pkcs11, softhsm2
  pin-source=FILE    the PIN is this file's first line; without, it is asked for
                     on the terminal, unless the token has a keypad of its own
Any other byte than letters, digits and -._~ is %XX. In a shell, put the URI
between quotes.

No PIN is tried twice. A token that has one try left gets none from a file.
";

const VERSION: &str = concat!("sealboot-pkcs11 ", env!("CARGO_PKG_VERSION"), "\n");

/// The help, which ends with the exit codes.
fn help() -> String {
    let mut text = format!("{HELP}\nExit codes:\n   0  it worked\n");
    for (code, meaning) in TABLE {
        text.push_str(&format!("{:>4}  {meaning}\n", *code as u8));
    }
    text
}

/// Reads the words after the program's name.
pub(crate) fn read(words: impl Iterator<Item = OsString>) -> Result<Read, Failure> {
    let wrong =
        |what: String| Failure::new(Code::Usage, format!("{what}; --help says what it takes"));
    let (mut job, mut uri) = (None, None);
    for word in words {
        let word = word
            .into_string()
            .map_err(|word| wrong(format!("the argument {word:?} is not UTF-8")))?;
        let named = match word.as_str() {
            "--help" | "-h" => return Ok(Read::Print(help())),
            "--version" | "-V" => return Ok(Read::Print(VERSION.to_owned())),
            "--many" => Job::Many,
            "--list" => Job::List,
            option if option.starts_with('-') => {
                return Err(wrong(format!("there is no option {option:?}")));
            }
            text if uri.is_none() => {
                uri = Some(Uri::read(text)?);
                continue;
            }
            _ => return Err(wrong("there is more than one URI".to_owned())),
        };
        if job.replace(named).is_some() {
            return Err(wrong("there is more than one option".to_owned()));
        }
    }
    let uri = uri.ok_or_else(|| wrong("a pkcs11: URI is needed".to_owned()))?;
    Ok(Read::Do(job.unwrap_or(Job::One), uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_uri_and_one_option() {
        let cases: &[(&[&str], Result<Job, &str>)] = &[
            (&["pkcs11:"], Ok(Job::One)),
            (&["--many", "pkcs11:"], Ok(Job::Many)),
            (&["pkcs11:", "--list"], Ok(Job::List)),
            (&[], Err("a pkcs11: URI is needed")),
            (&["--many"], Err("a pkcs11: URI is needed")),
            (&["pkcs11:", "pkcs11:"], Err("more than one URI")),
            (
                &["--many", "--list", "pkcs11:"],
                Err("more than one option"),
            ),
            (
                &["--pin=1", "pkcs11:"],
                Err("there is no option \"--pin=1\""),
            ),
            (&["http://a"], Err("does not begin with pkcs11:")),
        ];
        for (words, expected) in cases {
            let read = read(words.iter().map(OsString::from));
            match (read, expected) {
                (Ok(Read::Do(job, _)), Ok(expected)) => assert_eq!(job, *expected, "{words:?}"),
                (Err(failure), Err(expected)) => {
                    assert_eq!(failure.code, Code::Usage);
                    let text = failure.to_string();
                    assert!(text.contains(expected), "{words:?}: {text}");
                }
                _ => panic!("{words:?}"),
            }
        }
    }

    #[test]
    fn the_help_fits_a_terminal_and_has_every_code() {
        let help = help();
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        for code in 0..=6 {
            assert!(help.contains(&format!("\n   {code}  ")), "{code}");
        }
    }
}
