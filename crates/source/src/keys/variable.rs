//! Signed changes of the firmware's variables: `.auth` files.

use formats::efi_signature_list::{Auth, Timestamp, assemble, to_be_signed};
use formats::efivars::{APPEND_WRITE, DB, DBX, KEK, PK, Variable};
use formats::pkcs7;

use super::{CreateError, Signer, verify_detached};

/// What a signed write does to the variable. It is part of what is signed (UEFI 2.10, section 8.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The value takes the place of the old one.
    Replace,
    /// The value's entries are added to those that are there.
    Append,
}

impl Change {
    /// The attributes to write the variable with.
    pub fn attributes(self, variable: &Variable) -> u32 {
        match self {
            Self::Replace => variable.attributes,
            Self::Append => variable.attributes | APPEND_WRITE,
        }
    }
}

/// The content of an `.auth` file.
pub(super) fn sign_variable(
    variable: &Variable,
    change: Change,
    signer: &dyn Signer,
    time: Timestamp,
    data: &[u8],
) -> Result<Vec<u8>, CreateError> {
    let attributes = change.attributes(variable);
    let message = to_be_signed(variable.name, variable.vendor, attributes, time, data);
    let signature = signer.sign(&message)?;
    let signed_data = pkcs7::assemble_bare(signer.certificate(), &signature)?;
    Ok(assemble(time, &signed_data, data))
}

/// Which variable a signed write is for, and what it does to it. The file does not say so, but its signature
/// covers both. `None` when it was signed for none of the four, or does not hold.
pub fn meant_for(auth: &Auth) -> Option<(Variable, Change)> {
    let message = pkcs7::read(&auth.signed_data).ok()?;
    let changes = [Change::Replace, Change::Append];
    let all = [PK, KEK, DB, DBX].into_iter();
    let mut all = all.flat_map(|variable| changes.map(|change| (variable, change)));
    all.find(|(variable, change)| {
        let signed = to_be_signed(
            variable.name,
            variable.vendor,
            change.attributes(variable),
            auth.time,
            &auth.data,
        );
        let mut certificates = message.certificates.iter();
        certificates.any(|der| verify_detached(der, &auth.signed_data, &signed).is_ok())
    })
}
