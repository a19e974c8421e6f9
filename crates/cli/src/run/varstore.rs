//! A fresh variable store that holds the owner's PK, KEK and db: Secure Boot is on from the
//! first start.

use std::fs;
use std::path::Path;

use anyhow::Context;
use formats::efi_signature_list::{Timestamp, read_auth};
use formats::efivars::{self, CUSTOM_MODE, DB, KEK, PK, SECURE_BOOT_ENABLE};
use formats::varstore::{self, Variable};

use crate::exit::{Code, WithCode};
use crate::keys;

/// The blank store with the keys in it.
pub fn enrolled(blank: &Path, folder: &Path) -> anyhow::Result<Vec<u8>> {
    let template = fs::read(blank)
        .with_context(|| format!("the firmware's {} cannot be read", blank.display()))?;
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
    for (variable, value) in [(SECURE_BOOT_ENABLE, 1), (CUSTOM_MODE, 0)] {
        variables.push(with(&variable, Timestamp::default(), vec![value]));
    }
    varstore::write(&template, &variables)
        .with_context(|| {
            format!(
                "the firmware's blank variable store {} cannot be used",
                blank.display()
            )
        })
        .code(Code::Missing)
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
