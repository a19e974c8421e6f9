//! Tar streams for tests, from a few words.

use std::io::Write;
use std::sync::Arc;

use crate::layer::{LayerKind, TarBytes};

/// A layer of this kind and name from lines: see [`stream`].
pub(super) fn layer(name: &str, kind: LayerKind, lines: &str) -> Arc<TarBytes> {
    let bytes = stream(lines).into();
    let name = name.to_owned();
    Arc::new(TarBytes { name, bytes, kind })
}

/// A whole tar stream. Each line is an entry:
///
/// ```text
/// d path          f path content      l path target       h path target
/// c path 1:3      b path 8:0          p path
/// ```
///
/// followed by any of `mode=4755` (octal), `uid=`, `gid=`, `mtime=`, and `x:key=value` for
/// an extended header's record. Without them: 0755 or 0644, 1:2, 5 seconds.
pub(super) fn stream(lines: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines.lines().map(str::trim).filter(|l| !l.is_empty()) {
        entry(&mut out, line);
    }
    out.extend_from_slice(&[0; 1024]);
    out
}

fn entry(out: &mut Vec<u8>, line: &str) {
    let mut words: Vec<&str> = line.split(' ').collect();
    let mut options = Vec::new();
    while let Some((key, value)) = words.last().and_then(|word| word.split_once('=')) {
        options.push((key, value));
        words.pop();
    }
    let letter = words[0];
    let path = words[1];
    let third = words.get(2).copied().unwrap_or("");
    let content = if letter == "f" { third } else { "" };
    let mut header = header(letter.as_bytes()[0], path.as_bytes());
    header.set_size(content.len() as u64);
    match letter {
        "l" | "h" => header.set_link_name_literal(third).unwrap(),
        "c" | "b" => {
            let (major, minor) = third.split_once(':').unwrap();
            header.set_device_major(major.parse().unwrap()).unwrap();
            header.set_device_minor(minor.parse().unwrap()).unwrap();
        }
        _ => {}
    }
    let mut records = Vec::new();
    for (key, value) in options {
        match key {
            "mode" => header.set_mode(u32::from_str_radix(value, 8).unwrap()),
            "uid" => header.set_uid(value.parse().unwrap()),
            "gid" => header.set_gid(value.parse().unwrap()),
            "mtime" => {
                // The crate does not extend a negative number's sign.
                let seconds: i64 = value.parse().unwrap();
                let field = [
                    [if seconds < 0 { 255 } else { 0x80 }; 4].as_slice(),
                    &seconds.to_be_bytes(),
                ]
                .concat();
                let field = if seconds < 0 {
                    field
                } else {
                    [&[0x80, 0, 0, 0], &field[4..]].concat()
                };
                header.as_old_mut().mtime.copy_from_slice(&field);
            }
            _ => records.push((key.strip_prefix("x:").unwrap(), value.as_bytes())),
        }
    }
    records.reverse();
    if !records.is_empty() {
        pax(out, b'x', &records);
    }
    append(out, header, content.as_bytes());
}

/// A header with defaults; the letter is the DSL's.
pub(super) fn header(letter: u8, path: &[u8]) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..path.len()].copy_from_slice(path);
    let (kind, mode) = match letter {
        b'd' => (b'5', 0o755),
        b'f' => (b'0', 0o644),
        b'l' => (b'2', 0o777),
        b'h' => (b'1', 0o644),
        b'c' => (b'3', 0o644),
        b'b' => (b'4', 0o644),
        b'p' => (b'6', 0o644),
        other => (other, 0o644),
    };
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_mode(mode);
    header.set_uid(1);
    header.set_gid(2);
    header.set_mtime(5);
    header.set_size(0);
    header
}

/// Appends an entry: its header with the right checksum, its data filled up to a block.
pub(super) fn append(out: &mut Vec<u8>, mut header: tar::Header, data: &[u8]) {
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(512), 0);
}

/// Appends an extended header.
pub(super) fn pax(out: &mut Vec<u8>, kind: u8, records: &[(&str, &[u8])]) {
    let mut data = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while rest + length.to_string().len() != length {
            length += 1;
        }
        write!(data, "{length} {key}=").unwrap();
        data.extend_from_slice(value);
        data.push(b'\n');
    }
    let mut header = header(kind, b"described");
    header.set_size(data.len() as u64);
    append(out, header, &data);
}

/// Appends GNU's header for a long name (`L`) or a long link target (`K`).
pub(super) fn long(out: &mut Vec<u8>, kind: u8, name: &[u8]) {
    let data = [name, b"\0"].concat();
    let mut header = header(kind, b"././@LongLink");
    header.set_size(data.len() as u64);
    append(out, header, &data);
}
