//! A variable store, field by field: also of variables that do not count any more.

use super::format::{
    ALIGNMENT, STORE_FORMATTED, STORE_HEALTHY, StoreHeader, VARIABLE_ADDED,
    VARIABLE_IN_DELETED_TRANSITION, VARIABLE_START, VOLUME_SIGNATURE, VariableHeader, VolumeHeader,
};
use crate::efi_signature_list::{self, time_fields};
use crate::fields::{Field, List, Row, rows, show, structure, value_of};
use crate::load_option;

const VOLUME: &[Row] = rows!(VolumeHeader {
    zero_vector: "ZeroVector" => show::reserved,
    file_system: "FileSystemGuid" => show::guid,
    length: "FvLength" => show::number,
    signature: "Signature" => show::text,
    attributes: "Attributes" => show::hex,
    header_length: "HeaderLength" => show::number,
    checksum: "Checksum" => show::hex,
    ext_header_offset: "ExtHeaderOffset" => show::number,
    reserved: "Reserved" => show::reserved,
    revision: "Revision" => show::number,
});

const STORE: &[Row] = rows!(StoreHeader {
    signature: "Signature" => show::guid,
    size: "Size" => show::number,
    format: "Format" => |b| show::named(b, &[(STORE_FORMATTED as u64, "VARIABLE_STORE_FORMATTED")]),
    state: "State" => |b| show::named(b, &[(STORE_HEALTHY as u64, "VARIABLE_STORE_HEALTHY")]),
    reserved: "Reserved" => show::reserved,
});

const BEFORE_TIME: &[Row] = rows!(VariableHeader {
    start: "StartId" => show::hex,
    state: "State" => |b| show::named(b, &[
        (VARIABLE_ADDED as u64, "VAR_ADDED"),
        (VARIABLE_IN_DELETED_TRANSITION as u64, "VAR_IN_DELETED_TRANSITION"),
        (0x3d, "deleted"),
        (0x3c, "deleted"),
    ]),
    reserved: "Reserved" => show::reserved,
    attributes: "Attributes" => |b| show::flags(b, &[
        (crate::efivars::NON_VOLATILE as u64, "NON_VOLATILE"),
        (crate::efivars::BOOTSERVICE_ACCESS as u64, "BOOTSERVICE_ACCESS"),
        (crate::efivars::RUNTIME_ACCESS as u64, "RUNTIME_ACCESS"),
        (
            crate::efivars::TIME_BASED_AUTHENTICATED_WRITE_ACCESS as u64,
            "TIME_BASED_AUTHENTICATED_WRITE_ACCESS",
        ),
    ]),
    monotonic_count: "MonotonicCount" => show::number,
});

const BEHIND_TIME: &[Row] = rows!(VariableHeader {
    public_key_index: "PubKeyIndex" => show::number,
    name_size: "NameSize" => show::number,
    data_size: "DataSize" => show::number,
    vendor: "VendorGuid" => show::guid,
});

/// The store in a file, from its first byte on.
pub fn fields(file: &[u8]) -> Vec<Field> {
    let mut inside = structure(0, file, VOLUME);
    let volume = value_of::<VolumeHeader>(file);
    let head = volume.map_or(file.len(), |volume| volume.header_length.get().into());
    let map = file.get(size_of::<VolumeHeader>()..head.min(file.len()));
    block_map(map.unwrap_or_default(), &mut inside);
    let of = Some("Platform Initialization 1.8, volume 3, section 3.2.1");
    let name = "EFI_FIRMWARE_VOLUME_HEADER";
    let mut fields = vec![Field::of((0, head as u64), name, of, inside)];
    let is_volume = volume.is_some_and(|volume| volume.signature == VOLUME_SIGNATURE);
    let rest = file.get(head..).unwrap_or_default();
    let Some(store) = value_of::<StoreHeader>(rest).filter(|_| is_volume) else {
        let why = "no firmware volume with a store in it";
        fields.push(Field::ended(head as u64, why));
        return fields;
    };
    let size = size_of::<StoreHeader>();
    let inside = structure(head as u64, rest, STORE);
    let of = Some("EDK2, VariableFormat.h");
    let place = (head as u64, size as u64);
    fields.push(Field::of(place, "VARIABLE_STORE_HEADER", of, inside));
    let end = head.saturating_add(store.size.get() as usize);
    variables(file.get(..end).unwrap_or(file), head + size, &mut fields);
    if end > file.len() {
        let why = "the file ends before the store does";
        fields.push(Field::ended(file.len() as u64, why));
    }
    fields
}

fn block_map(map: &[u8], fields: &mut Vec<Field>) {
    let start = size_of::<VolumeHeader>() as u64;
    let mut list = List::of_at_most(16);
    for (index, entry) in (0..).zip(map.chunks_exact(8)) {
        let at = start + 8 * index;
        let (count, length) = entry.split_at(4);
        let value = format!(
            "NumBlocks {}, Length {}",
            show::number(count),
            show::number(length)
        );
        list.push(at, || Field::new(at, 8, "BlockMap", value));
    }
    fields.extend(list.finish());
}

fn variables(bytes: &[u8], mut at: usize, fields: &mut Vec<Field>) {
    let mut list = List::default();
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let header = value_of::<VariableHeader>(rest);
        let Some(header) = header.filter(|header| header.start == VARIABLE_START) else {
            break;
        };
        let sizes = [header.name_size.get(), header.data_size.get()].map(|size| size as usize);
        list.push(at as u64, || variable(at as u64, rest, sizes));
        let [name, data] = sizes;
        let size = size_of::<VariableHeader>()
            .saturating_add(name)
            .saturating_add(data);
        if size > rest.len() {
            break;
        }
        at = at.saturating_add(size.next_multiple_of(ALIGNMENT));
    }
    fields.extend(list.finish());
}

fn variable(at: u64, rest: &[u8], [name_size, data_size]: [usize; 2]) -> Field {
    let head = size_of::<VariableHeader>();
    let time = std::mem::offset_of!(VariableHeader, time);
    let mut fields = structure(at, rest, BEFORE_TIME);
    let stamp = rest.get(time..time + 16).unwrap_or_default();
    fields.push(time_fields(at + time as u64, "TimeStamp", stamp));
    fields.extend(structure(at, rest, BEHIND_TIME));
    let place = |index: usize| at.saturating_add(index as u64);
    let size = head.saturating_add(name_size).saturating_add(data_size);
    let parts = rest
        .get(head..size)
        .and_then(|rest| rest.split_at_checked(name_size));
    let mut shown = "a variable".to_owned();
    match parts {
        Some((name, data)) => {
            shown = show::utf16(name);
            let size = name_size as u64;
            fields.push(Field::new(place(head), size, "Name", shown.clone()));
            fields.push(value(
                place(head + name_size),
                shown.trim_matches('"'),
                data,
            ));
        }
        None => {
            let why = "NameSize and DataSize do not fit the store";
            fields.push(Field::ended(place(rest.len()), why));
        }
    }
    let of = Some("EDK2, VariableFormat.h");
    let place = (at, size.min(rest.len()) as u64);
    Field::of(place, "AUTHENTICATED_VARIABLE_HEADER", of, fields).saying(shown)
}

/// A variable's value: what of it has fields, with them.
fn value(at: u64, name: &str, data: &[u8]) -> Field {
    let number = name.strip_prefix("Boot").unwrap_or_default();
    let is_entry = number.len() == 4 && number.bytes().all(|digit| digit.is_ascii_hexdigit());
    let fields = match name {
        "PK" | "KEK" | "db" | "dbx" => efi_signature_list::fields(at, data),
        _ if is_entry => load_option::fields(at, data),
        _ => {
            let value = show::bytes(data);
            return Field::new(at, data.len() as u64, "Data", value);
        }
    };
    Field::of((at, data.len() as u64), "Data", None, fields)
}
