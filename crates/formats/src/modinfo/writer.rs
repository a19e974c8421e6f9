//! The smallest module that [`Modinfo::parse`](super::Modinfo::parse) reads back: for tests of what works on modules.

use super::{Modinfo, SIGNATURE_MARKER, VERSION_ENTRY};

/// Section types (`sh_type`).
const PROGBITS: u32 = 1;
const SYMTAB: u32 = 2;
const STRTAB: u32 = 3;
/// Length of the file header, and of one section header, in bytes.
const HEADER: u64 = 64;

/// An ELF64 x86-64 relocatable file with the sections that carry `modinfo`, and no code.
///
/// Exports come out as `__crc_` symbols when any has a checksum, else as `__ksymtab_strings`.
/// Names of imports with a checksum are cut after 55 bytes in `__versions`.
pub fn write(modinfo: &Modinfo) -> Vec<u8> {
    let mut info = Vec::new();
    for (key, value) in &modinfo.strings {
        info.extend_from_slice(format!("{key}={value}\0").as_bytes());
    }
    let mut names = vec![0];
    let mut symbols = vec![0; 24];
    let mut symbol = |name: &str, binding: u8, section: u16, value: u64| {
        symbols.extend_from_slice(&(names.len() as u32).to_le_bytes());
        symbols.extend_from_slice(&[binding << 4, 0]);
        symbols.extend_from_slice(&section.to_le_bytes());
        symbols.extend_from_slice(&value.to_le_bytes());
        symbols.extend_from_slice(&0_u64.to_le_bytes());
        names.extend_from_slice(name.as_bytes());
        names.push(0);
    };
    let with_crc = modinfo.exports.iter().any(|export| export.crc.is_some());
    let mut exported = Vec::new();
    for export in &modinfo.exports {
        if with_crc {
            let crc = u64::from(export.crc.unwrap_or_default());
            symbol(&format!("__crc_{}", export.name), 1, 0xfff1, crc);
        } else {
            exported.extend_from_slice(format!("{}\0", export.name).as_bytes());
        }
    }
    let mut versions = Vec::new();
    for import in &modinfo.imports {
        symbol(&import.name, if import.weak { 2 } else { 1 }, 0, 0);
        if let Some(crc) = import.crc {
            let mut entry = [0; VERSION_ENTRY];
            let name = import.name.bytes().take(VERSION_ENTRY - 9);
            let bytes = u64::from(crc).to_le_bytes().into_iter().chain(name);
            entry
                .iter_mut()
                .zip(bytes)
                .for_each(|(to, from)| *to = from);
            versions.extend_from_slice(&entry);
        }
    }
    let mut file = object(&[
        (".modinfo", PROGBITS, &info),
        ("__ksymtab_strings", PROGBITS, &exported),
        ("__versions", PROGBITS, &versions),
        (".symtab", SYMTAB, &symbols),
        (".strtab", STRTAB, &names),
    ]);
    if modinfo.signed {
        file.extend_from_slice(SIGNATURE_MARKER);
    }
    file
}

fn object(sections: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut names = vec![0];
    let mut bodies = Vec::new();
    let mut headers = vec![0; HEADER as usize];
    let mut header = |name: &str, names: &mut Vec<u8>, kind: u32, offset: usize, size: usize| {
        let mut words = vec![0_u8; HEADER as usize];
        let fields = [
            (0, (names.len() as u32).to_le_bytes().to_vec()),
            (4, kind.to_le_bytes().to_vec()),
            (24, (HEADER + offset as u64).to_le_bytes().to_vec()),
            (32, (size as u64).to_le_bytes().to_vec()),
        ];
        for (at, bytes) in fields {
            words.splice(at..at + bytes.len(), bytes);
        }
        headers.extend_from_slice(&words);
        names.extend_from_slice(name.as_bytes());
        names.push(0);
    };
    for (name, kind, body) in sections {
        header(name, &mut names, *kind, bodies.len(), body.len());
        bodies.extend_from_slice(body);
    }
    let size = names.len() + ".shstrtab".len() + 1;
    header(".shstrtab", &mut names, STRTAB, bodies.len(), size);
    bodies.extend_from_slice(&names);

    let count = sections.len() as u16 + 2;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    for half in [1_u16, 62] {
        file.extend_from_slice(&half.to_le_bytes());
    }
    file.extend_from_slice(&1_u32.to_le_bytes());
    for word in [0, 0, HEADER + bodies.len() as u64] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    file.extend_from_slice(&0_u32.to_le_bytes());
    for half in [HEADER as u16, 0, 0, HEADER as u16, count, count - 1] {
        file.extend_from_slice(&half.to_le_bytes());
    }
    file.extend_from_slice(&bodies);
    file.extend_from_slice(&headers);
    file
}
