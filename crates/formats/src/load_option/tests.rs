use proptest::prelude::*;
use uguid::guid;

use super::*;

fn option() -> LoadOption {
    let partition = Node::Partition {
        number: 1,
        first_lba: 2048,
        sectors: 4096,
        guid: guid!("0fc63daf-8483-4772-8e79-3d69d8477de4"),
    };
    LoadOption::of_file("a", partition, "EFI/x")
}

/// Put together by hand after the tables of the specification.
#[rustfmt::skip]
const BYTES: &[u8] = &[
    1, 0, 0, 0, 64, 0,
    b'a', 0, 0, 0,
    4, 1, 42, 0, 1, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0,
    0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4, 2, 2,
    4, 4, 18, 0, b'\\', 0, b'E', 0, b'F', 0, b'I', 0, b'\\', 0, b'x', 0, 0, 0,
    0x7f, 0xff, 4, 0,
];

#[test]
fn an_entry_is_written_and_read_as_specified() {
    assert_eq!(write(&option()).unwrap(), BYTES);
    assert_eq!(read(BYTES).unwrap(), option());
}

#[test]
fn an_entry_is_shown_as_firmware_shows_it() {
    let mut option = option();
    option.data = vec![1, 2];
    let network = Node::Other {
        kind: 3,
        subtype: 11,
        data: vec![0xab, 0],
    };
    option.paths.push(vec![network]);
    let expected = "boot entry \"a\", active\n  \
        HD(1,GPT,0fc63daf-8483-4772-8e79-3d69d8477de4,0x800,0x1000)/\\EFI\\x\n  \
        Path(3,11,ab00)\n  2 bytes of data\n";
    assert_eq!(option.to_string(), expected);
    assert_eq!(read(&write(&option).unwrap()).unwrap(), option);
}

#[test]
fn what_is_none_is_refused_by_its_part() {
    type Break = fn(&mut Vec<u8>);
    let cases: &[(&str, Break)] = &[
        ("header at offset 0 is cut off", |b| b.truncate(5)),
        ("description at offset 6 does not end", |b| b.truncate(9)),
        ("description at offset 6 is not UTF-16", |b| b[7] = 0xd8),
        ("device path at offset 10 is cut off", |b| b[4] = 65),
        ("device path at offset 10 does not end", |b| b[4] = 60),
        ("node at offset 10 is shorter than its own header", |b| {
            b[12] = 3
        }),
        ("node at offset 52 is cut off", |b| b[54] = 30),
        ("node at offset 70 is the last one, and has content", |b| {
            b[4] = 65;
            b[72] = 5;
            b.push(0);
        }),
    ];
    for (expected, change) in cases {
        let mut bytes = BYTES.to_vec();
        change(&mut bytes);
        let error = read(&bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn what_cannot_be_written_is_refused() {
    let mut nul = option();
    nul.description.push('\0');
    assert_eq!(write(&nul), Err(WriteError::Nul("a\0".to_owned())));
    let mut long = option();
    long.paths[0].push(Node::File("x".repeat(40_000)));
    assert_eq!(write(&long), Err(WriteError::Long));
}

proptest! {
    /// What is read is the same bytes again.
    #[test]
    fn changed_entries_never_panic(changes in prop::collection::vec((0..BYTES.len(), any::<u8>()), 0..6)) {
        let mut bytes = BYTES.to_vec();
        for (offset, byte) in changes {
            bytes[offset] = byte;
        }
        if let Ok(option) = read(&bytes) {
            prop_assert_eq!(write(&option).unwrap(), bytes);
            let _ = option.to_string();
        }
    }
}

#[test]
fn every_field_is_shown() {
    use crate::fields::tests::{golden, hostile, nested};
    let shown = fields(0, BYTES);
    nested(&shown);
    golden("load_option", &shown);
    hostile(BYTES, 1, |bytes| fields(0, bytes));
}
