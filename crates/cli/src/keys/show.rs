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
    name: &'static str,
    purpose: &'static str,
    #[serde(flatten)]
    certificate: CertificateSummary,
}

/// Prints a table, or JSON.
pub fn verb(folder: &Path, json: bool) -> anyhow::Result<()> {
    let row = |(name, purpose)| {
        let file = format!("{name}.cer");
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
    let rows: Vec<Row> = ROLES.into_iter().map(row).collect::<anyhow::Result<_>>()?;
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
