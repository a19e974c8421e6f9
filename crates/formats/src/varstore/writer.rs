//! Variables put into a store.

use zerocopy::IntoBytes;
use zerocopy::byteorder::little_endian::{U16, U32, U64};

use super::format::{ALIGNMENT, ERASED, VARIABLE_ADDED, VARIABLE_START, VariableHeader};
use super::reader::{Error, Store, Variable};

/// `template` (such as a blank `OVMF_VARS_4M.fd`) with `variables` in it. Variables of the same
/// name and vendor are replaced, others are kept; areas outside of the store stay as they are.
pub fn write(template: &[u8], variables: &[Variable]) -> Result<Vec<u8>, Error> {
    let store = Store::parse(template)?;
    let is_new = |old: &Variable| {
        (variables.iter()).any(|new| (&new.name, new.vendor) == (&old.name, old.vendor))
    };
    let kept = store.variables.iter().filter(|old| !is_new(old));
    let mut area = Vec::new();
    for variable in kept.chain(variables) {
        area.resize(area.len().next_multiple_of(ALIGNMENT), ERASED);
        append(&mut area, variable);
    }
    let room = store.area.len();
    if area.len() > room {
        let needed = area.len();
        return Err(Error::Full { needed, room });
    }
    area.resize(room, ERASED);
    let mut out = template.to_vec();
    if let Some(place) = out.get_mut(store.area) {
        place.copy_from_slice(&area);
    }
    Ok(out)
}

fn append(area: &mut Vec<u8>, variable: &Variable) {
    let name: Vec<u8> = (variable.name.encode_utf16())
        .chain([0])
        .flat_map(u16::to_le_bytes)
        .collect();
    let header = VariableHeader {
        start: U16::new(VARIABLE_START),
        state: VARIABLE_ADDED,
        reserved: 0,
        attributes: U32::new(variable.attributes),
        monotonic_count: U64::ZERO,
        time: variable.time.to_bytes(),
        public_key_index: U32::ZERO,
        name_size: U32::new(name.len() as u32),
        data_size: U32::new(variable.data.len() as u32),
        vendor: variable.vendor.to_bytes(),
    };
    area.extend_from_slice(header.as_bytes());
    area.extend_from_slice(&name);
    area.extend_from_slice(&variable.data);
}
