//! Fields for programs: `[{"offset", "size", "name", "value", "fields"}]`.

use formats::fields::Field;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::Fields;

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.fields.iter().map(One))
    }
}

/// One field. `formats` has no serde, which only this needs.
struct One<'a>(&'a Field);

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Field {
            offset,
            size,
            name,
            value,
            specification,
            unpacked,
            fields,
        } = self.0;
        let mut one = serializer.serialize_struct("Field", 7)?;
        one.serialize_field("offset", offset)?;
        one.serialize_field("size", size)?;
        one.serialize_field("name", name.as_ref())?;
        one.serialize_field("value", value)?;
        one.serialize_field("specification", specification)?;
        one.serialize_field("unpacked", unpacked)?;
        let inside: Vec<One<'_>> = fields.iter().map(One).collect();
        one.serialize_field("fields", &inside)?;
        one.end()
    }
}
