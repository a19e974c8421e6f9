//! Lines of text: `NAME NUMBER/TOTAL DATA… CHECK`.
//!
//! DATA is base32 (RFC 4648, section 6, without padding) in groups; CHECK the first 20 bits of the SHA-256 of the
//! rest of the line, in base32, without blanks. So a typing error is known by its line. Digits that base32 does not
//! have are what they look like: 0 is O, 1 is I, 8 is B.

use std::collections::BTreeMap;

use base32ct::{Base32UpperUnpadded, Encoding};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Backup, BackupError};
use crate::keys::ROLES;

/// Bytes in a line.
pub const PER_LINE: usize = 25;

/// Characters in a group.
const GROUP: usize = 8;

/// Characters of a check.
const CHECK: usize = 4;

/// Most lines that a key can have: one of 8192 bits has far less.
const MOST: usize = 999;

impl Backup {
    /// The key as lines of at most 62 characters.
    pub fn lines(&self) -> Vec<Zeroizing<String>> {
        let payload = self.payload();
        let parts: Vec<&[u8]> = payload.chunks(PER_LINE).collect();
        let total = parts.len();
        let line = |(index, part): (usize, &&[u8])| {
            let number = index + 1;
            let data = Zeroizing::new(Base32UpperUnpadded::encode_string(part));
            let mut text = Zeroizing::new(format!("{} {number}/{total}", self.name));
            for (at, character) in data.chars().enumerate() {
                if at % GROUP == 0 {
                    text.push(' ');
                }
                text.push(character);
            }
            text.push(' ');
            text.push_str(&check(&self.name, number, total, &data));
            text
        };
        parts.iter().enumerate().map(line).collect()
    }
}

fn check(name: &str, number: usize, total: usize, data: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{name}{number}/{total}"));
    hash.update(data);
    let mut text = Base32UpperUnpadded::encode_string(&hash.finalize());
    text.truncate(CHECK);
    text
}

/// The lines of one key, by number.
type Lines = BTreeMap<usize, Zeroizing<Vec<u8>>>;

/// Reads the keys in a text, in which lines may be in any order and more than once. Empty lines are
/// skipped, and those that start with `#`.
pub fn read(text: &str) -> Result<Vec<Backup>, BackupError> {
    let mut found: BTreeMap<(usize, usize), Lines> = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |problem: String| BackupError::Line {
            line: index + 1,
            problem,
        };
        let one = parse(line).map_err(wrong)?;
        let of_other_length =
            |(role, total): &(usize, usize)| *role == one.role && *total != one.total;
        if found.keys().any(of_other_length) {
            let name = ROLES[one.role].name();
            return Err(wrong(format!(
                "it is of another {name} than the lines above"
            )));
        }
        let lines = found.entry((one.role, one.total)).or_default();
        if lines
            .get(&one.number)
            .is_some_and(|known| *known != one.data)
        {
            let number = one.number;
            return Err(wrong(format!(
                "line {number} of that key was another one above"
            )));
        }
        lines.insert(one.number, one.data);
    }
    if found.is_empty() {
        return Err(BackupError::Nothing);
    }
    let whole = |((role, total), lines): ((usize, usize), Lines)| {
        let name = ROLES[role].name();
        if lines.len() < total {
            return Err(BackupError::Missing {
                name: name.to_owned(),
                missing: missing(&lines, total),
                total,
            });
        }
        let mut payload = Zeroizing::new(Vec::with_capacity(total * PER_LINE));
        lines
            .values()
            .for_each(|data| payload.extend_from_slice(data));
        Backup::from_payload(name, &payload)
    };
    found.into_iter().map(whole).collect()
}

/// One line.
struct Line {
    role: usize,
    number: usize,
    total: usize,
    data: Zeroizing<Vec<u8>>,
}

fn parse(line: &str) -> Result<Line, String> {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or_default();
    let role = ROLES
        .iter()
        .position(|role| role.name().eq_ignore_ascii_case(name));
    let role = role.ok_or_else(|| "it does not start with PK, KEK or db".to_owned())?;
    let place = words.next().and_then(|word| {
        let (number, total) = word.split_once('/')?;
        let (number, total) = (number.parse::<usize>().ok()?, total.parse::<usize>().ok()?);
        ((1..=total).contains(&number) && total <= MOST).then_some((number, total))
    });
    let (number, total) = place
        .ok_or_else(|| "the key's name is not followed by a number such as 3/90".to_owned())?;
    let mut rest = Zeroizing::new(String::new());
    for word in words {
        rest.extend(word.chars().map(|character| match character {
            '0' => 'O',
            '1' => 'I',
            '8' => 'B',
            other => other.to_ascii_uppercase(),
        }));
    }
    let told = "a character is missing, too much, or another one";
    let cut = rest.len().saturating_sub(CHECK);
    let (data, said) = rest.split_at_checked(cut).ok_or_else(|| told.to_owned())?;
    if check(ROLES[role].name(), number, total, data) != said {
        return Err(format!("it was not copied right: {told}"));
    }
    let data = Base32UpperUnpadded::decode_vec(data).map_err(|_| told.to_owned())?;
    let is_last = number == total;
    match data.len() {
        PER_LINE => {}
        1..PER_LINE if is_last => {}
        _ => return Err(told.to_owned()),
    }
    Ok(Line {
        role,
        number,
        total,
        data: Zeroizing::new(data),
    })
}

/// `lines 3, 7-9`
fn missing(lines: &Lines, total: usize) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for number in (1..=total).filter(|number| !lines.contains_key(number)) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let shown: Vec<String> = ranges
        .iter()
        .map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        })
        .collect();
    format!("lines {}", shown.join(", "))
}
