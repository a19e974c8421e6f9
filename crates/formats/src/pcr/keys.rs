//! PCR 7: whether firmware checks signatures, by which keys, and which of them let the program start.

use crate::efivars::{DB, DBX, KEK, PK, SECURE_BOOT, Variable};

use super::{Pcr, SEPARATOR};

/// What is enrolled, as the variables hold it, and what it was used for.
#[derive(Clone, Copy, Debug)]
pub struct SecureBoot<'a> {
    /// Whether signatures are checked: the value of `SecureBoot`.
    pub on: bool,
    /// `PK`, `KEK`, `db` and `dbx`: signature lists, empty when there is none.
    pub pk: &'a [u8],
    /// See `pk`.
    pub kek: &'a [u8],
    /// See `pk`.
    pub db: &'a [u8],
    /// See `pk`.
    pub dbx: &'a [u8],
    /// The entry of `db` that let the program start, as a signature list has it: the owner's GUID
    /// and the certificate. `None` when nothing was checked.
    pub authority: Option<&'a [u8]>,
}

/// PCR 7 once a program was started (section 3.3.4.8).
pub fn secure_boot(state: &SecureBoot<'_>) -> Pcr {
    let mut pcr = Pcr::START;
    let variables: [(Variable, &[u8]); 5] = [
        (SECURE_BOOT, &[u8::from(state.on)]),
        (PK, state.pk),
        (KEK, state.kek),
        (DB, state.db),
        (DBX, state.dbx),
    ];
    for (variable, data) in variables {
        pcr.measure(&event(&variable, data));
    }
    pcr.measure(&SEPARATOR);
    if let Some(authority) = state.authority {
        pcr.measure(&event(&DB, authority));
    }
    pcr
}

/// `UEFI_VARIABLE_DATA` (section 10.2.6): vendor, number of UTF-16 units, bytes of data, name, data.
fn event(variable: &Variable, data: &[u8]) -> Vec<u8> {
    let name: Vec<u8> = variable
        .name
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut event = variable.vendor.to_bytes().to_vec();
    event.extend_from_slice(&(name.len() as u64 / 2).to_le_bytes());
    event.extend_from_slice(&(data.len() as u64).to_le_bytes());
    event.extend_from_slice(&name);
    event.extend_from_slice(data);
    event
}
