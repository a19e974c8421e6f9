//! Variable stores: what the firmware knows from the first start.

use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};
use formats::efi_signature_list::{Timestamp, read_auth};
use formats::efivars::{self, CUSTOM_MODE, DB, KEK, PK, SECURE_BOOT_ENABLE};
use formats::load_option::LoadOption;
use formats::varstore::{self, Variable};

use super::entries;
use crate::exit::{Code, WithCode};
use crate::keys;

/// What the firmware does about Secure Boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The owner's PK, KEK and db are enrolled, and what starts is checked.
    SecureBoot,
    /// They are enrolled, and nothing is checked.
    NoSecureBoot,
    /// Nothing is enrolled: anybody may do so.
    SetupMode,
}

/// The blank store in that state, with keys from `folder`.
pub fn new(blank: &Path, folder: &Path, state: State) -> anyhow::Result<Vec<u8>> {
    let template = fs::read(blank)
        .with_context(|| format!("the firmware's {} cannot be read", blank.display()))
        .code(Code::Failed)?;
    let variables = match state {
        State::SecureBoot => with_keys(folder, true)?,
        State::NoSecureBoot => with_keys(folder, false)?,
        State::SetupMode => Vec::new(),
    };
    varstore::write(&template, &variables)
        .with_context(|| {
            format!(
                "the firmware's blank variable store {} cannot be used",
                blank.display()
            )
        })
        .code(Code::Missing)
}

/// The bytes of a variable store.
///
/// # Errors
///
/// When the file is none, or one of another size than this firmware's.
pub fn read(path: &Path, size: usize) -> anyhow::Result<Vec<u8>> {
    let cannot = || format!("the variable store {} cannot be used", path.display());
    let bytes = fs::read(path).with_context(cannot).input_code()?;
    varstore::Store::parse(&bytes)
        .with_context(cannot)
        .code(Code::Refused)?;
    if bytes.len() != size {
        let found = bytes.len();
        return Err(anyhow!(
            "it has {found} bytes; this machine's firmware needs {size}"
        ))
        .with_context(cannot)
        .code(Code::Refused);
    }
    Ok(bytes)
}

/// The store with boot entries before all others.
pub fn with_entries(store: &[u8], boot: &[LoadOption]) -> anyhow::Result<Vec<u8>> {
    let cannot = "the boot entries cannot be put into the variable store";
    let parsed = varstore::Store::parse(store)
        .context(cannot)
        .code(Code::Refused)?;
    let variables = entries::variables(&parsed, boot).context(cannot)?;
    varstore::write(store, &variables)
        .context(cannot)
        .code(Code::Refused)
}

fn with_keys(folder: &Path, secure_boot: bool) -> anyhow::Result<Vec<Variable>> {
    let mut variables = Vec::new();
    for variable in [PK, KEK, DB] {
        let file = format!("{}.auth", variable.name);
        let auth = read_auth(&keys::public(folder, &file)?)
            .with_context(|| {
                format!(
                    "the signed variable {} cannot be used",
                    folder.join(file).display()
                )
            })
            .code(Code::Keys)?;
        variables.push(with(&variable, auth.time, auth.data));
    }
    for (variable, value) in [(SECURE_BOOT_ENABLE, secure_boot), (CUSTOM_MODE, false)] {
        variables.push(with(&variable, Timestamp::default(), vec![value.into()]));
    }
    Ok(variables)
}

fn with(variable: &efivars::Variable, time: Timestamp, data: Vec<u8>) -> Variable {
    let (vendor, attributes) = (variable.vendor, variable.attributes);
    Variable {
        name: variable.name.to_owned(),
        vendor,
        attributes,
        time,
        data,
    }
}
