//! Numbers of any length, as texts: what the version numbers of all archives are made of.

use std::cmp::Ordering;

/// Compares two runs of decimal digits by value; no digits are 0.
pub(crate) fn compare_digits(a: &[u8], b: &[u8]) -> Ordering {
    let zeros = |digits: &'_ [u8]| digits.iter().take_while(|d| **d == b'0').count();
    let (a, b) = (
        a.get(zeros(a)..).unwrap_or_default(),
        b.get(zeros(b)..).unwrap_or_default(),
    );
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Each list ascends; every pair of a list is compared, both ways.
#[cfg(test)]
pub(crate) fn check_order<V: Ord + std::str::FromStr<Err: std::fmt::Debug>>(lists: &[&[&str]]) {
    let version = |text: &str| text.parse::<V>().unwrap();
    for list in lists {
        for (i, a) in list.iter().enumerate() {
            for (j, b) in list.iter().enumerate() {
                assert_eq!(version(a).cmp(&version(b)), i.cmp(&j), "{a} {b}");
            }
        }
    }
}
