//! Names: which ones FAT can hold, their 8.3 aliases, and their parts in directory entries.

use std::collections::{HashMap, HashSet};

use zerocopy::FromZeros;

use super::format::{ATTR_LONG_NAME, LAST_LONG_ENTRY, LongEntry, UNITS_PER_ENTRY};

/// Why FAT cannot hold a name; `None` if it can.
pub(super) fn refusal(name: &str) -> Option<&'static str> {
    let forbidden = |c: char| c < ' ' || "\"*/:<>?\\|".contains(c);
    if name.is_empty() {
        Some("a part of the path is empty")
    } else if name.chars().any(forbidden) {
        Some("control characters and \" * / : < > ? \\ | are not possible in a name")
    } else if name.ends_with(['.', ' ']) {
        Some("a name cannot end with a dot or a space")
    } else if name.encode_utf16().count() > 255 {
        Some("a name has at most 255 UTF-16 units")
    } else {
        None
    }
}

/// Names with equal folds are the same to FAT: upper and lower case do not differ.
pub(super) fn fold(name: &str) -> String {
    name.chars()
        .map(|c| {
            let mut upper = c.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(one), None) => one,
                // FAT's upper case never makes two letters of one.
                _ => c,
            }
        })
        .collect()
}

/// An 8.3 name as it stands on disk: 8 and 3 bytes, filled with spaces.
pub(super) type ShortName = [u8; 11];

/// The aliases of one directory's names, in the same order. No two are equal.
///
/// A name that is 8.3 already keeps it, whatever the others are. The rest get `BASE~1.EXT` and
/// so on, counted for each base and extension, in the order of `names`.
pub(super) fn aliases<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<ShortName> {
    let exact: Vec<Option<ShortName>> = names.clone().map(exact_short).collect();
    let taken: HashSet<ShortName> = exact.iter().flatten().copied().collect();
    let mut counters = HashMap::new();
    names
        .zip(exact)
        .map(|(name, exact)| exact.unwrap_or_else(|| numbered(name, &taken, &mut counters)))
        .collect()
}

/// Whether a name is the same as its alias, so that no long name is needed.
pub(super) fn is_short(name: &str, short: &ShortName) -> bool {
    exact_short(name) == Some(*short) && !name.bytes().any(|b| b.is_ascii_lowercase())
}

/// The 8.3 form of a name that has one but for its case.
fn exact_short(name: &str) -> Option<ShortName> {
    let (base, extension) = match name.rsplit_once('.') {
        Some((base, extension)) if !extension.is_empty() => (base, extension),
        Some(_) => return None,
        None => (name, ""),
    };
    let fits = (1..=8).contains(&base.len()) && extension.len() <= 3;
    let legal = |part: &str| part.bytes().all(is_short_byte);
    (fits && legal(base) && legal(extension)).then(|| join(base.as_bytes(), extension.as_bytes()))
}

fn is_short_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"$%'-_@~`!(){}^#&".contains(&b)
}

fn join(base: &[u8], extension: &[u8]) -> ShortName {
    let mut short = [b' '; 11];
    for (place, byte) in short.iter_mut().zip(base.iter().take(8)) {
        *place = byte.to_ascii_uppercase();
    }
    for (place, byte) in short.iter_mut().skip(8).zip(extension) {
        *place = byte.to_ascii_uppercase();
    }
    short
}

/// What an alias is made of, and the number that its next user gets. The digits are part of
/// the key because they cost the base its last letters.
type Counters = HashMap<(Vec<u8>, Vec<u8>, usize), u32>;

/// `BASE~1.EXT`: the "numeric tail" of fatgen103.
fn numbered(name: &str, taken: &HashSet<ShortName>, counters: &mut Counters) -> ShortName {
    let trimmed = name.trim_start_matches(['.', ' ']);
    let (base, extension) = trimmed.rsplit_once('.').unwrap_or((trimmed, ""));
    let legal = |part: &str, length: usize| -> Vec<u8> {
        part.chars()
            .filter(|c| !matches!(c, '.' | ' '))
            .map(|c| match u8::try_from(c) {
                Ok(b) if is_short_byte(b) => b.to_ascii_uppercase(),
                _ => b'_',
            })
            .take(length)
            .collect()
    };
    let (base, extension) = (legal(base, 8), legal(extension, 3));
    for digits in 1..=6 {
        let kept = base.get(..7 - digits).unwrap_or(&base).to_vec();
        let start = 10u32.pow(digits as u32 - 1);
        let next = counters
            .entry((kept.clone(), extension.clone(), digits))
            .or_insert(start);
        while *next < 10 * start {
            let tail = format!("~{next}");
            *next += 1;
            let short = join(&[&kept, tail.as_bytes()].concat(), &extension);
            if !taken.contains(&short) {
                return short;
            }
        }
    }
    // A directory has at most 65,536 entries and a base a million numbers.
    unreachable!("no alias is left for {name:?}")
}

/// Ties the parts of a long name to the short entry behind them.
pub(super) fn checksum(short: &ShortName) -> u8 {
    short
        .iter()
        .fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}

/// How many entries a long name needs, before its short one.
pub(super) fn long_entry_count(name: &str) -> usize {
    name.encode_utf16().count().div_ceil(UNITS_PER_ENTRY)
}

/// The entries of a long name, in the order in which they stand on disk.
pub(super) fn long_entries(name: &str, short: &ShortName) -> Vec<LongEntry> {
    let units: Vec<u16> = name.encode_utf16().collect();
    let mut entries: Vec<LongEntry> = (1u8..)
        .zip(units.chunks(UNITS_PER_ENTRY))
        .map(|(order, part)| {
            let mut entry = LongEntry::new_zeroed();
            entry.order = order;
            entry.attributes = ATTR_LONG_NAME;
            entry.checksum = checksum(short);
            // A name that ends early ends with a zero; what is behind it is all ones.
            let padding = std::iter::once(0).chain(std::iter::repeat(0xffff));
            let places = entry
                .units_1
                .iter_mut()
                .chain(&mut entry.units_2)
                .chain(&mut entry.units_3);
            for (place, unit) in places.zip(part.iter().copied().chain(padding)) {
                *place = unit.into();
            }
            entry
        })
        .collect();
    if let Some(last) = entries.last_mut() {
        last.order |= LAST_LONG_ENTRY;
    }
    entries.reverse();
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases_of(names: &[&str]) -> Vec<String> {
        aliases(names.iter().copied())
            .iter()
            .map(|short| String::from_utf8(short.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn aliases_are_made_as_windows_makes_them() {
        let cases = [
            ("EFI", "EFI        "),
            ("BOOTX64.EFI", "BOOTX64 EFI"),
            ("kernel.efi", "KERNEL  EFI"),
            ("root.squashfs", "ROOT~1  SQU"),
            ("release.json.p7s", "RELEAS~1P7S"),
            ("a b.txt", "AB~1    TXT"),
            (".profile", "PROFIL~1   "),
            (".a", "A~1        "),
            ("a+b", "A_B~1      "),
            ("größe", "GR__E~1    "),
            ("a.b.c", "AB~1    C  "),
            (" .x", "X~1        "),
            ("🦀", "_~1        "),
        ];
        for (name, expected) in cases {
            assert_eq!(aliases_of(&[name]), [expected], "{name}");
        }
    }

    #[test]
    fn aliases_never_clash() {
        let names = [
            "long name 1",
            "LONGNA~1",
            "long name 2",
            "longna~3",
            "long name 3",
        ];
        assert_eq!(
            aliases_of(&names),
            [
                "LONGNA~2   ",
                "LONGNA~1   ",
                "LONGNA~4   ",
                "LONGNA~3   ",
                "LONGNA~5   "
            ]
        );

        let many: Vec<String> = (0..60_000)
            .map(|i| format!("some module {i}.ko.xz"))
            .collect();
        let short = aliases(many.iter().map(String::as_str));
        assert_eq!(short.iter().collect::<HashSet<_>>().len(), many.len());
        assert_eq!(&short[0], b"SOMEMO~1XZ ");
        assert_eq!(&short[59_999], b"SO~60000XZ ");
    }

    #[test]
    fn only_upper_case_8_3_goes_without_a_long_name() {
        for (name, expected) in [
            ("A.B", true),
            ("a.b", false),
            ("A.BCDE", false),
            ("A B", false),
        ] {
            let short = aliases(std::iter::once(name))[0];
            assert_eq!(is_short(name, &short), expected, "{name}");
        }
    }

    #[test]
    fn impossible_names_are_refused() {
        let long = "é".repeat(256);
        for name in [
            "", "a:b", "a/b", "a\\b", "a\n", "what?", ".", "..", "a.", "a ", &long,
        ] {
            assert!(refusal(name).is_some(), "{name:?}");
        }
        for name in [" a", ".a", "a+b", "a..b", &long[..510], "名前", "🦀"] {
            assert!(refusal(name).is_none(), "{name:?}");
        }
    }

    #[test]
    fn case_does_not_tell_names_apart() {
        assert_eq!(fold("Größe.TXT"), fold("gRÖßE.txt"));
        assert_ne!(fold("ß"), fold("ss"));
    }
}
