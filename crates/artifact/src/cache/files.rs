//! Several named byte strings as one: each name and content with its length in front of it.

use std::collections::BTreeMap;

/// Name → content.
pub type Files = BTreeMap<String, Vec<u8>>;

/// As one byte string.
pub fn pack(files: &Files) -> Vec<u8> {
    let size = |(name, content): (&String, &Vec<u8>)| 16 + name.len() + content.len();
    let mut out = Vec::with_capacity(files.iter().map(size).sum());
    for (name, content) in files {
        for part in [name.as_bytes(), content] {
            out.extend_from_slice(&(part.len() as u64).to_le_bytes());
            out.extend_from_slice(part);
        }
    }
    out
}

/// And back; `None` when it is nothing of the kind.
pub fn unpack(mut bytes: &[u8]) -> Option<Files> {
    let mut files = Files::new();
    while !bytes.is_empty() {
        let name = String::from_utf8(part(&mut bytes)?.to_vec()).ok()?;
        let content = part(&mut bytes)?.to_vec();
        files.insert(name, content);
    }
    Some(files)
}

fn part<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (part, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        let files = [("a/b", &b"1"[..]), ("", b""), ("c", b"long")];
        let files: Files = files
            .map(|(name, content)| (name.to_owned(), content.to_vec()))
            .into();
        let packed = pack(&files);
        assert_eq!(unpack(&packed), Some(files));
        assert_eq!(unpack(b""), Some(Files::new()));
        let ends = (1..packed.len()).filter(|end| unpack(&packed[..*end]).is_some());
        // Cut off between two files, it has fewer.
        assert_eq!(ends.count(), 2);
        assert_eq!(unpack(&[0xff; 16]), None);
    }
}
