//! A structure's fields as a table over its on-disk type: `rows!` takes place and size of each from
//! the type, so that the table says the specification's names and nothing twice.

use zerocopy::FromBytes;

use super::Field;

/// One row of such a table.
pub(crate) struct Row {
    /// As the specification names it; several names share the bytes evenly.
    pub(crate) names: &'static [&'static str],
    /// From the start of the structure, in bytes.
    pub(crate) offset: usize,
    /// Of all names together, in bytes.
    pub(crate) size: usize,
    /// Bytes → value.
    pub(crate) show: fn(&[u8]) -> String,
}

/// Size of a field, in bytes.
pub(crate) const fn size_of_field<T, F>(_: fn(&T) -> &F) -> usize {
    size_of::<F>()
}

/// `rows!(CoffHeader { machine: "Machine" => hex })`; a field that is an array has as many names.
macro_rules! rows {
    ($of:ty { $($field:ident: $($name:literal)|+ => $show:expr),* $(,)? }) => {
        &[$($crate::fields::Row {
            names: &[$($name),+],
            offset: std::mem::offset_of!($of, $field),
            size: $crate::fields::size_of_field(|of: &$of| &of.$field),
            show: $show,
        }),*]
    };
}
pub(crate) use rows;

/// The fields of a structure at `offset` of the file whose bytes start with `bytes`. Where those end too
/// early, what is there is shown, and that it ends.
pub(crate) fn structure(offset: u64, bytes: &[u8], rows: &[Row]) -> Vec<Field> {
    let mut fields = Vec::new();
    for row in rows {
        let size = row.size / row.names.len().max(1);
        for (index, name) in row.names.iter().enumerate() {
            let start = row.offset + index * size;
            let place = offset.saturating_add(start as u64);
            let Some(found) = bytes.get(start..start + size) else {
                let left = bytes.len().saturating_sub(start);
                let why = format!("{left} of the {size} bytes of {name} are there");
                fields.push(Field::ended(place, why));
                return fields;
            };
            fields.push(Field::new(place, size as u64, *name, (row.show)(found)));
        }
    }
    fields
}

/// A structure's value, when all of it is there.
pub(crate) fn value_of<T: FromBytes>(bytes: &[u8]) -> Option<T> {
    T::read_from_prefix(bytes).ok().map(|(value, _)| value)
}
