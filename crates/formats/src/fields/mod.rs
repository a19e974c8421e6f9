//! What is in a file, field by field: where each field is, how long, its name in the specification,
//! and its value in plain form.
//!
//! Every format says its fields in a `fields` module of its own, as tables over its on-disk
//! structures ([`rows`]). Nothing here decides whether a file is sound: fields are shown as far as
//! there are bytes, and where a structure cannot go on stands why. Memory is bounded by what is
//! read of a file at once, and by [`MOST`].

mod render;
mod rows;
pub(crate) mod show;
mod source;
#[cfg(test)]
pub(crate) mod tests;

use std::borrow::Cow;

pub use render::{Lines, ascii, wrap};
pub(crate) use rows::{Row, rows, size_of_field, structure, value_of};
pub use source::Source;

/// Most structures of one list that are shown.
pub const MOST: usize = 1000;

/// A field, or a structure with its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// From the start of the file, in bytes; see [`Field::unpacked`].
    pub offset: u64,
    /// In bytes.
    pub size: u64,
    /// As its specification names it.
    pub name: Cow<'static, str>,
    /// For people; empty where the fields inside say it.
    pub value: String,
    /// Where a structure is specified.
    pub specification: Option<&'static str>,
    /// The offset counts from the start of what is unpacked from compressed bytes, or from the start of
    /// what PEM encodes: the field has no place of its own in the file.
    pub unpacked: bool,
    /// What is inside.
    pub fields: Vec<Field>,
}

impl Field {
    /// A field without any inside.
    pub fn new(offset: u64, size: u64, name: impl Into<Cow<'static, str>>, value: String) -> Self {
        Self {
            offset,
            size,
            name: name.into(),
            value,
            ..Self::default()
        }
    }

    /// A structure and what is in it.
    pub fn of(
        (offset, size): (u64, u64),
        name: impl Into<Cow<'static, str>>,
        specification: Option<&'static str>,
        fields: Vec<Field>,
    ) -> Self {
        Self {
            specification,
            fields,
            ..Self::new(offset, size, name, String::new())
        }
    }

    /// With a value.
    pub fn saying(self, value: impl Into<String>) -> Self {
        let value = value.into();
        Self { value, ..self }
    }

    /// Why nothing more is shown from `offset` on.
    pub fn ended(offset: u64, why: impl Into<String>) -> Self {
        Self::new(offset, 0, "ends here", why.into())
    }

    /// With offsets that count from the start of what is unpacked.
    pub fn unpacked(mut self) -> Self {
        self.unpacked = true;
        let inside = std::mem::take(&mut self.fields);
        self.fields = inside.into_iter().map(Self::unpacked).collect();
        self
    }
}

/// Structures in a row: the first [`MOST`] are kept, the others counted.
pub(crate) struct List {
    fields: Vec<Field>,
    most: usize,
    more: u64,
    /// Where the first one is that is only counted.
    end: u64,
}

impl Default for List {
    fn default() -> Self {
        Self::of_at_most(MOST)
    }
}

impl List {
    /// One that keeps so many.
    pub(crate) fn of_at_most(most: usize) -> Self {
        Self {
            fields: Vec::new(),
            most,
            more: 0,
            end: 0,
        }
    }

    /// Another structure, at `offset`; made only when it is kept.
    pub(crate) fn push(&mut self, offset: u64, field: impl FnOnce() -> Field) {
        if !self.is_full() {
            self.fields.push(field());
            return;
        }
        self.skip(offset, 1);
    }

    /// So many more from `offset` on, which are only counted.
    pub(crate) fn skip(&mut self, offset: u64, count: u64) {
        if self.more == 0 {
            self.end = offset;
        }
        self.more = self.more.saturating_add(count);
    }

    /// Whether another one is only counted.
    pub(crate) fn is_full(&self) -> bool {
        self.fields.len() >= self.most
    }

    /// Those that were kept, and how many more there are.
    pub(crate) fn finish(mut self) -> Vec<Field> {
        if self.more > 0 {
            let more = format!("and {} more", self.more);
            self.fields.push(Field::new(self.end, 0, "...", more));
        }
        self.fields
    }
}
