//! `sealboot keys show`: what the certificates say.

use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use source::keys::CertificateSummary;

use crate::exit::{Code, WithCode};
use crate::output;

/// What each key is for.
const ROLES: [(&str, &str); 3] = [
    ("PK", "platform key: may change PK and KEK"),
    ("KEK", "key exchange key: may change db and dbx"),
    ("db", "signs what boots"),
];

#[derive(Serialize)]
struct Row {
    name: String,
    purpose: &'static str,
    #[serde(flatten)]
    certificate: CertificateSummary,
}

/// Prints a table, or JSON.
pub fn verb(folder: &Path, json: bool) -> anyhow::Result<()> {
    let row = |name: String, purpose, file: String| -> anyhow::Result<Row> {
        let der = super::public(folder, &file)?;
        let certificate = CertificateSummary::read(&der)
            .with_context(|| {
                format!(
                    "the certificate {} cannot be read",
                    folder.join(file).display()
                )
            })
            .code(Code::Keys)?;
        Ok(Row {
            name,
            purpose,
            certificate,
        })
    };
    let mut rows = Vec::new();
    for (name, purpose) in ROLES {
        rows.push(row(name.to_owned(), purpose, format!("{name}.cer"))?);
        // While it is replaced there are two of it.
        for (which, purpose) in [
            ("next", "new: signs after 'keys rotate --switch'"),
            ("old", "old: put aside by 'keys rotate --finish'"),
        ] {
            let file = format!("{name}.{which}/{name}.cer");
            if folder.join(&file).exists() {
                rows.push(row(format!("{name}.{which}"), purpose, file)?);
            }
        }
    }
    if json {
        return output::print_json(&rows);
    }
    let mut text = format!("Keys in {}/\n", folder.display());
    for row in rows {
        let (certificate, indent) = (row.certificate, "     ");
        let (first, second) = certificate.sha256.split_at(certificate.sha256.len() / 2);
        text.push_str(&format!(
            "\n{:<4} {}\n{indent}{}\n{indent}RSA {}, valid {} to {}\n\
             {indent}SHA-256 {first}\n{indent}        {second}\n",
            row.name,
            row.purpose,
            certificate.subject,
            certificate.rsa_bits,
            certificate.not_before,
            certificate.not_after
        ));
    }
    output::print(&text)
}
