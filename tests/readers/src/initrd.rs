//! Initrds: cpio archives, and several of them in a UKI.

use std::io::Read;

use formats::cpio::{self, Entry, Reader, Writer, select};

use crate::{disk, fields, uki};

pub(crate) fn cpio(bytes: &[u8]) {
    fields::slice(bytes, cpio::fields);
    let _ = cpio::dump(bytes);
    let mut input = bytes;
    let wanted = [
        ("release.json", 1 << 16),
        ("boot.json", 1 << 16),
        ("a", 1 << 16),
    ];
    let _ = select(&mut input as &mut dyn Read, &wanted);

    let mut reader = Reader::new(bytes);
    let entries: Result<Vec<Entry<'_>>, _> = reader.by_ref().collect();
    assert!(reader.offset() <= bytes.len());
    let Ok(entries) = entries else {
        return;
    };
    // Paths that the kernel would not unpack are read, and not written.
    let mut writer = Writer::new(Vec::new());
    let written: Vec<_> = entries
        .iter()
        .filter(|entry| writer.add(entry).is_ok())
        .collect();
    let archive = writer.finish().expect("writing into memory");
    let again: Result<Vec<_>, _> = Reader::new(&archive).collect();
    let again = again.expect("what was just written");
    assert!(again.iter().eq(written));
}

pub(crate) fn initrd(bytes: &[u8]) {
    let sections: [(&str, &[u8]); 3] = [
        (".linux", b"MZ"),
        (".cmdline", b"quiet"),
        (".initrd", bytes),
    ];
    if let Some(uki) = uki(&sections) {
        disk::inspect(&uki);
    }
}
