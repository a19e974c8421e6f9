//! What tests of every format's fields share: golden texts, and files that were changed.

use super::*;

/// Compares with `testdata/fields/NAME.txt`; `UPDATE_GOLDEN=1` writes it anew.
pub(crate) fn golden(name: &str, fields: &[Field]) {
    let text = Lines(fields).to_string();
    let is_narrow = text.lines().all(|line| line.len() <= 80);
    assert!(is_narrow && text.is_ascii(), "{text}");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/fields");
    let path = std::path::Path::new(folder).join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == expected,
        "{} differs; UPDATE_GOLDEN=1 writes it anew:\n{text}",
        path.display()
    );
}

/// Every field lies inside of the one that it is in, and none before the one before it.
pub(crate) fn nested(fields: &[Field]) {
    for field in fields {
        let end = field.offset + field.size;
        for inner in &field.fields {
            if inner.unpacked != field.unpacked || field.size == 0 {
                continue;
            }
            let is_inside = inner.offset >= field.offset && inner.offset + inner.size <= end;
            let places = (inner.offset, inner.size, field.offset, field.size);
            assert!(
                is_inside || inner.size == 0,
                "{} in {}: {places:x?}",
                inner.name,
                field.name
            );
        }
        nested(&field.fields);
    }
}

/// No panic whatever is cut off, and whichever byte is another one: `show` gives the fields.
pub(crate) fn hostile(bytes: &[u8], step: usize, show: impl Fn(&[u8]) -> Vec<Field>) {
    let count = |fields: &[Field]| Lines(fields).to_string().lines().count();
    for length in (0..bytes.len()).step_by(step) {
        count(&show(&bytes[..length]));
    }
    let mut changed = bytes.to_vec();
    for at in (0..bytes.len()).step_by(step) {
        for flip in [0x01, 0x80, 0xff] {
            changed[at] ^= flip;
            count(&show(&changed));
            changed[at] ^= flip;
        }
    }
}

/// What is in the bytes of a file.
pub(crate) fn of(
    bytes: &[u8],
    show: fn(&mut Source<'_>) -> std::io::Result<Vec<Field>>,
) -> Vec<Field> {
    let mut bytes = std::io::Cursor::new(bytes);
    show(&mut Source::new(&mut bytes).unwrap()).unwrap()
}

#[test]
fn a_list_says_how_many_more_there_are() {
    let mut list = List::of_at_most(2);
    for n in 0..5 {
        list.push(n, || Field::new(n, 1, "entry", n.to_string()));
    }
    let fields = list.finish();
    assert_eq!(fields.len(), 3);
    assert_eq!(
        (fields[2].offset, fields[2].value.as_str()),
        (2, "and 3 more")
    );
}

#[test]
fn lines_have_at_most_80_columns_whatever_is_in_them() {
    let mut field = Field::new(1 << 40, u64::MAX, "n".repeat(300), "v".repeat(300));
    for depth in 0..40 {
        let name = format!("level {depth} T\u{e9}st\n");
        field = Field::of((depth, 1), name, Some("a specification"), vec![field]);
    }
    let text = Lines(&[field, Field::ended(7, "word ".repeat(60))]).to_string();
    assert!(text.is_ascii());
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    assert_eq!(
        text.matches('n').count() > 300,
        text.matches('v').count() > 300
    );
}

#[test]
fn places_in_what_is_unpacked_look_different() {
    let inner = Field::new(0x1a0, 4, "field", String::new());
    let field = Field::of((0, 9), "unpacked", None, vec![inner]).unpacked();
    let text = Lines(&[field]).to_string();
    assert!(text.contains("+001a0"), "{text}");
}

#[test]
fn numbers_are_shown_as_they_are_meant() {
    let cases = [
        (show::number(&[1, 2]), "513"),
        (show::signed(&[0xff, 0xff]), "-1"),
        (show::signed(&[5, 0]), "5"),
        (show::hex(&[1, 0, 0, 0]), "0x00000001"),
        (show::bytes(&[0xab; 65]), &format!("{}...", "ab".repeat(32))),
        (show::text(b"MZ\0 "), "\"MZ\""),
        (show::utf16(&[65, 0, 0, 0, 66, 0]), "\"A\""),
        (show::unix_time(&[0, 0]), "0"),
        (
            show::flags(&[5], &[(1, "A"), (2, "B"), (4, "C")]),
            "0x05 A C",
        ),
        (show::named(&[2], &[(2, "two")]), "0x02 two"),
        (
            show::guid(&[0; 16]),
            "00000000-0000-0000-0000-000000000000 none",
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}
