//! The store and its variables.

use std::ops::Range;

use uguid::Guid;
use zerocopy::FromBytes;

use super::format::{
    ALIGNMENT, AUTHENTICATED_STORE, NV_DATA_VOLUME, STORE_FORMATTED, STORE_HEALTHY, StoreHeader,
    VARIABLE_ADDED, VARIABLE_IN_DELETED_TRANSITION, VARIABLE_START, VOLUME_SIGNATURE,
    VariableHeader, VolumeHeader,
};
use crate::efi_signature_list::Timestamp;

/// Why a file is not taken as a variable store, or cannot hold the variables.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Another file, or a damaged one.
    #[error("variable store: the {what} at offset {offset:#x} is {found}; {expected} is needed")]
    Value {
        /// Which field.
        what: &'static str,
        /// Where it is, in bytes.
        offset: usize,
        /// What it is.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The variables need more bytes than the store has.
    #[error("variable store: the variables need {needed} bytes, there is room for {room}")]
    Full {
        /// Bytes needed.
        needed: usize,
        /// Bytes that the store has for variables.
        room: usize,
    },
}

/// A variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Who defined it.
    pub vendor: Guid,
    /// See [`crate::efivars`].
    pub attributes: u32,
    /// Time of the last signed write; zeros for variables that are not signed.
    pub time: Timestamp,
    /// Its value.
    pub data: Vec<u8>,
}

/// A store that was read.
#[derive(Clone, Debug)]
pub struct Store {
    /// Where variables are in the file, in bytes.
    pub area: Range<usize>,
    /// The variables that count, in their order.
    pub variables: Vec<Variable>,
}

impl Store {
    /// Reads a store.
    pub fn parse(file: &[u8]) -> Result<Self, Error> {
        let area = parse_area(file)?;
        let mut variables = Vec::new();
        let mut offset = area.start;
        let bytes = file.get(..area.end).unwrap_or(file);
        while let Some((header, next, variable)) = read_variable(bytes, offset)? {
            if matches!(
                header.state,
                VARIABLE_ADDED | VARIABLE_IN_DELETED_TRANSITION
            ) {
                variables.push(variable);
            }
            offset = next;
        }
        // A successor that is complete replaces the one in transition.
        let mut last: Vec<Variable> = Vec::new();
        for variable in variables {
            last.retain(|v| (&v.name, v.vendor) != (&variable.name, variable.vendor));
            last.push(variable);
        }
        let variables = last;
        Ok(Self { area, variables })
    }
}

/// Headers of the volume and the store; where variables are.
fn parse_area(file: &[u8]) -> Result<Range<usize>, Error> {
    // 1. Firmware volume header.
    let short = |what, offset: usize| Error::Value {
        what,
        offset,
        found: format!("cut off at {:#x}", file.len()),
        expected: "a whole one",
    };
    let (volume, _) =
        VolumeHeader::read_from_prefix(file).map_err(|_| short("firmware volume header", 0))?;
    expect(
        "volume's type",
        16,
        Guid::from_bytes(volume.file_system),
        NV_DATA_VOLUME,
        "fff12b8d-7696-4c8b-a985-2747075b4f50",
    )?;
    if volume.signature != VOLUME_SIGNATURE {
        return Err(Error::Value {
            what: "volume's signature",
            offset: 40,
            found: format!("{:02x?}", volume.signature),
            expected: "_FVH",
        });
    }
    let header_length = usize::from(volume.header_length.get());
    let header = file
        .get(..header_length)
        .ok_or_else(|| short("firmware volume header", 0))?;
    let words = header.chunks(2).map(|word| {
        let high = word.get(1).copied().unwrap_or(0);
        u16::from_le_bytes([word.first().copied().unwrap_or(0), high])
    });
    let sum = words.fold(0, u16::wrapping_add);
    if sum != 0 {
        return Err(Error::Value {
            what: "sum of the volume's header",
            offset: 0,
            found: format!("{sum:#06x}"),
            expected: "0",
        });
    }

    // 2. Variable store header.
    let at = header_length;
    let (store, _) = StoreHeader::read_from_prefix(file.get(at..).unwrap_or_default())
        .map_err(|_| short("variable store header", at))?;
    expect(
        "store's type",
        at,
        Guid::from_bytes(store.signature),
        AUTHENTICATED_STORE,
        "aaf32c78-947b-439a-a180-2e144ec37792",
    )?;
    if (store.format, store.state) != (STORE_FORMATTED, STORE_HEALTHY) {
        return Err(Error::Value {
            what: "store's format and state",
            offset: at + 20,
            found: format!("{:#04x}, {:#04x}", store.format, store.state),
            expected: "0x5a, 0xfe",
        });
    }
    let start = at + size_of::<StoreHeader>();
    let end = at.saturating_add(store.size.get() as usize);
    if start > end || end > file.len() {
        return Err(Error::Value {
            what: "store's size",
            offset: at + 16,
            found: store.size.to_string(),
            expected: "one that fits the file",
        });
    }
    Ok(start..end)
}

/// The variable at `offset`, and where the next one starts; `None` after the last one.
fn read_variable(
    bytes: &[u8],
    offset: usize,
) -> Result<Option<(VariableHeader, usize, Variable)>, Error> {
    let rest = bytes.get(offset..).unwrap_or_default();
    let Ok((header, rest)) = VariableHeader::read_from_prefix(rest) else {
        return Ok(None);
    };
    if header.start != VARIABLE_START {
        return Ok(None);
    }
    let name_size = header.name_size.get() as usize;
    let data_size = header.data_size.get() as usize;
    let parts = rest
        .split_at_checked(name_size)
        .and_then(|(name, rest)| Some((name, rest.get(..data_size)?)));
    let Some((name, data)) = parts else {
        return Err(Error::Value {
            what: "variable's sizes",
            offset,
            found: format!("name {name_size}, data {data_size}"),
            expected: "what fits the store",
        });
    };
    let units = name.chunks_exact(2).filter_map(|unit| unit.first_chunk());
    let units: Vec<u16> = units
        .map(|unit| u16::from_le_bytes(*unit))
        .take_while(|unit| *unit != 0)
        .collect();
    let variable = Variable {
        name: String::from_utf16_lossy(&units),
        vendor: Guid::from_bytes(header.vendor),
        attributes: header.attributes.get(),
        time: Timestamp::from_bytes(header.time),
        data: data.to_vec(),
    };
    let size = size_of::<VariableHeader>() + name_size + data_size;
    Ok(Some((
        header,
        offset + size.next_multiple_of(ALIGNMENT),
        variable,
    )))
}

fn expect(
    what: &'static str,
    offset: usize,
    found: Guid,
    needed: Guid,
    expected: &'static str,
) -> Result<(), Error> {
    if found == needed {
        return Ok(());
    }
    let found = found.to_string();
    Err(Error::Value {
        what,
        offset,
        found,
        expected,
    })
}
