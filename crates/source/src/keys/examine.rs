//! Whether the files of a keys folder are whole, and belong together.

use std::fs;
use std::path::Path;

use formats::efi_signature_list::{CERT_X509, read, read_auth, to_be_signed};
use formats::efivars::{DB, KEK, PK, Variable};

use super::file_signer::load_certificate;
use super::verify_detached;

/// The certificate of one key in its other forms: `NAME.cer`, the signature list `NAME.esl`, the signed
/// variable `NAME.auth`.
///
/// Gives what was compared, and what is wrong with it if anything is.
pub fn examine(folder: &Path, name: &str) -> Vec<(String, Result<(), String>)> {
    let Some((variable, above)) = [(PK, "PK"), (KEK, "PK"), (DB, "KEK")]
        .into_iter()
        .find(|(variable, _)| variable.name == name)
    else {
        return Vec::new();
    };
    let Ok((certificate, _)) = load_certificate(&folder.join(format!("{name}.crt"))) else {
        // Whoever opens the key says so.
        return Vec::new();
    };
    let file = |end: &str| {
        let path = folder.join(format!("{name}.{end}"));
        fs::read(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
    };
    let der = || match file("cer")? == certificate {
        true => Ok(()),
        false => Err(format!("{name}.cer is another certificate than {name}.crt")),
    };
    let list = || {
        let lists = read(&file("esl")?).map_err(|error| format!("{name}.esl: {error}"))?;
        let mut entries = lists.iter().flat_map(|list| {
            let signatures = list.signatures.iter();
            signatures.map(|entry| (list.signature_type, &entry.data))
        });
        match entries.any(|(kind, data)| kind == CERT_X509 && *data == certificate) {
            true => Ok(()),
            false => Err(format!("{name}.esl does not hold {name}.crt")),
        }
    };
    let signed = || signed_variable(folder, &variable, above, &file("auth")?, &file("esl")?);
    vec![
        (format!("{name}.cer is the certificate {name}.crt"), der()),
        (format!("{name}.esl holds it"), list()),
        (
            format!("{name}.auth is {name}.esl, signed with {above}.crt"),
            signed(),
        ),
    ]
}

fn signed_variable(
    folder: &Path,
    variable: &Variable,
    above: &str,
    auth: &[u8],
    list: &[u8],
) -> Result<(), String> {
    let name = variable.name;
    let auth = read_auth(auth).map_err(|error| format!("{name}.auth: {error}"))?;
    if auth.data != list {
        return Err(format!("{name}.auth enrols something else than {name}.esl"));
    }
    let (by, _) = load_certificate(&folder.join(format!("{above}.crt")))
        .map_err(|error| error.to_string())?;
    let message = to_be_signed(
        name,
        variable.vendor,
        variable.attributes,
        auth.time,
        &auth.data,
    );
    verify_detached(&by, &auth.signed_data, &message)
        .map_err(|error| format!("{name}.auth, by {above}.crt: {error}"))
}
