//! `sealboot keys show`: what the certificates say.

use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use source::keys::CertificateSummary;

use crate::exit::{Code, WithCode};

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
            .with_context(|| format!("the certificate {}", folder.join(file).display()))
            .code(Code::Keys)?;
        Ok(Row {
            name,
            purpose,
            certificate,
        })
    };
    let rows: Vec<Row> = ROLES.into_iter().map(row).collect::<anyhow::Result<_>>()?;
    if json {
        anstream::println!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(());
    }
    anstream::println!("Keys in {}/", folder.display());
    for row in rows {
        let certificate = row.certificate;
        anstream::println!("\n{:<4} {}", row.name, row.purpose);
        anstream::println!("     {}", certificate.subject);
        anstream::println!(
            "     RSA {}, valid {} to {}",
            certificate.rsa_bits,
            certificate.not_before,
            certificate.not_after
        );
        let (first, second) = certificate.sha256.split_at(certificate.sha256.len() / 2);
        anstream::println!("     SHA-256 {first}\n             {second}");
    }
    Ok(())
}
