//! Version numbers and their order (deb-version(7), Debian Policy section 5.6.12).
//!
//! `[epoch:]upstream[-revision]`. Epochs compare as numbers; then upstream, then revision, each
//! as alternating runs of non-digits and digits. In non-digits `~` sorts before the end of the
//! text, letters before everything else.

use crate::digits::compare_digits;
use std::cmp::Ordering;

/// A package's version, compared as dpkg does: `1:2.30-1~deb13u1`.
///
/// Two texts can be the same version (`1.0` and `1.00`, `1` and `0:1-0`): they are equal here.
#[derive(Clone)]
pub struct Version {
    text: Box<str>,
    epoch: u32,
}

/// The text is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a version number: {reason} (deb-version(7))")]
pub struct NotAVersion {
    /// The text.
    pub found: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Version {
    /// The version as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Upstream version and revision; without a hyphen, the revision is empty.
    fn parts(&self) -> (&str, &str) {
        let rest = self
            .text
            .split_once(':')
            .map_or(&*self.text, |(_, rest)| rest);
        rest.rsplit_once('-').unwrap_or((rest, ""))
    }
}

impl std::str::FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let wrong = |reason| NotAVersion {
            found: text.chars().take(80).collect(),
            reason,
        };
        let (epoch, rest) = match text.split_once(':') {
            None => (0, text),
            Some((epoch, rest)) => {
                let digits = !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit());
                // dpkg keeps epochs in a signed 32-bit integer.
                let number = epoch.parse().ok().filter(|n| *n <= i32::MAX as u32);
                let number = number.filter(|_| digits);
                (
                    number.ok_or_else(|| wrong("the epoch is not a number"))?,
                    rest,
                )
            }
        };
        let (upstream, revision) = match rest.rsplit_once('-') {
            None => (rest, None),
            Some((upstream, revision)) => (upstream, Some(revision)),
        };
        if upstream.is_empty() {
            return Err(wrong("the upstream version is empty"));
        }
        if revision == Some("") {
            return Err(wrong("the revision is empty"));
        }
        if !upstream.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(wrong("the upstream version does not start with a digit"));
        }
        let allowed = |more: &'static [u8]| {
            move |b: u8| b.is_ascii_alphanumeric() || b".+~".contains(&b) || more.contains(&b)
        };
        if !upstream.bytes().all(allowed(b"-:")) {
            return Err(wrong("the upstream version has an invalid character"));
        }
        if !revision.unwrap_or_default().bytes().all(allowed(b"")) {
            return Err(wrong("the revision has an invalid character"));
        }
        Ok(Self {
            text: text.into(),
            epoch,
        })
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let ((upstream, revision), (other_upstream, other_revision)) =
            (self.parts(), other.parts());
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare(upstream.as_bytes(), other_upstream.as_bytes()))
            .then_with(|| compare(revision.as_bytes(), other_revision.as_bytes()))
    }
}

/// Compares upstream versions or revisions: non-digits, digits, non-digits …
fn compare(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (text_a, text_b) = (split(&mut a, false), split(&mut b, false));
        let texts = compare_text(text_a, text_b);
        let (digits_a, digits_b) = (split(&mut a, true), split(&mut b, true));
        let order = texts.then_with(|| compare_digits(digits_a, digits_b));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Takes the leading run of digits, or of non-digits, off `rest`.
fn split<'a>(rest: &mut &'a [u8], digits: bool) -> &'a [u8] {
    let end = rest
        .iter()
        .position(|b| b.is_ascii_digit() != digits)
        .unwrap_or(rest.len());
    let (run, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
    *rest = after;
    run
}

fn compare_text(a: &[u8], b: &[u8]) -> Ordering {
    // The end of the text weighs 0; only `~` is lighter.
    let weight = |byte: Option<&u8>| match byte {
        None => 0,
        Some(b'~') => -1,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    (0..a.len().max(b.len()))
        .map(|at| weight(a.get(at)).cmp(&weight(b.get(at))))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::fmt::Debug for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::check_order;
    use proptest::prelude::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        let lists: &[&[&str]] = &[
            &[
                "0", "0.1", "1~~", "1~~a", "1~", "1", "1.0", "1.0.1", "1.1", "1.10", "2", "10",
            ],
            &[
                "1.0~alpha1-1",
                "1.0~beta1-1",
                "1.0~rc1-1",
                "1.0-1",
                "1.0-1+b1",
                "1.0-1.1",
                "1.0-2",
            ],
            &["9999", "1:0", "1:0.1", "2:0"],
            &["1.0-1~bpo12+1", "1.0-1", "1.0-1+deb13u1", "1.0-1+deb13u2"],
            &[
                "6.12.9-1",
                "6.12.57-1",
                "6.12.57+deb13-1",
                "6.12.57+deb13+1-1",
            ],
            &["1-a", "1a", "1b", "1ba", "1z", "1+", "1.", "1.a"],
            &["1.0-~1", "1.0", "1.0-0.1", "1.0-a", "1.0-+"],
            &["1-1-1", "1-1-2", "1-2-1", "1.2-1"],
            &[
                "99999999999999999999998",
                "99999999999999999999999",
                "100000000000000000000000",
            ],
            &["1:1:1", "1:1:2", "1:2:0"],
        ];
        check_order::<Version>(lists);
    }

    #[test]
    fn different_texts_can_be_the_same_version() {
        let same = [
            ("1.0", "1.00"),
            ("1", "0:1"),
            ("1", "1-0"),
            ("1.01-1", "1.1-01"),
            ("0", "000"),
        ];
        for (a, b) in same {
            assert_eq!(version(a), version(b), "{a} {b}");
        }
    }

    #[test]
    fn what_is_not_a_version_is_refused() {
        let cases = [
            "",
            "-1",
            "1-",
            ":1",
            "a:1",
            "-1:1",
            "1:",
            "1: 1",
            "a1",
            "1 0",
            "1/2",
            "1_2",
            "1-1_2",
            "1-1:2",
            "2147483648:1",
            "é",
            "1é",
            "+1:1",
        ];
        for text in cases {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_order_is_total(texts in proptest::collection::vec("[0-9][0-9a.~+-]{0,6}[0-9]", 3)) {
            let [a, b, c] = [version(&texts[0]), version(&texts[1]), version(&texts[2])];
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            prop_assert_eq!(a.cmp(&a), Ordering::Equal);
            if a <= b && b <= c {
                prop_assert!(a <= c);
            }
        }

        #[test]
        fn no_text_makes_it_panic(a in ".*", b in "[0-9:~a-]*") {
            for (a, b) in a.parse::<Version>().iter().zip(b.parse::<Version>().iter()) {
                let _ = a.cmp(b);
            }
        }
    }
}
