//! Every field of what a target is given, shown: `inspect --fields` without the choice of a format.

use std::io::{self, Cursor, Read, Seek};

use formats::fields::{Field, Lines, Source};

/// Shows what is read piece by piece.
pub(crate) fn stream(
    mut bytes: impl Read + Seek,
    show: impl FnOnce(&mut Source<'_>) -> io::Result<Vec<Field>>,
) {
    let mut source = Source::new(&mut bytes).expect("bytes in memory");
    lines(&show(&mut source).expect("bytes in memory"));
}

/// The same of a slice.
pub(crate) fn slice(bytes: &[u8], show: impl FnOnce(&mut Source<'_>) -> io::Result<Vec<Field>>) {
    stream(Cursor::new(bytes), show);
}

/// For people: narrow and plain, whatever is in the fields.
pub(crate) fn lines(fields: &[Field]) {
    let text = Lines(fields).to_string();
    assert!(text.is_ascii());
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
}
