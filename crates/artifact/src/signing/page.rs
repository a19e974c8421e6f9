//! What a person reads before signing.

use std::fmt::{self, Display, Formatter};

use contract::manifest::Manifest;
use source::keys::CertificateSummary;

use super::ToSign;
use super::format::{Item, Kind, MESSAGE_END, Request, SIGNATURE_END};

/// The page, in lines of at most 80 characters but for command lines and references.
impl Display for ToSign {
    fn fmt(&self, page: &mut Formatter<'_>) -> fmt::Result {
        write(page, &self.request, &self.manifests, &self.certificate)
    }
}

fn write(
    page: &mut Formatter<'_>,
    request: &Request,
    manifests: &[Manifest],
    certificate: &[u8],
) -> fmt::Result {
    writeln!(page, "What these signatures allow\n")?;
    let kernel = manifests.first().map_or("", |first| &first.kernel);
    row(page, "release", &request.release)?;
    row(page, "kernel", kernel)?;
    match CertificateSummary::read(certificate) {
        Ok(summary) => {
            row(page, "key", &summary.subject)?;
            row(
                page,
                "valid",
                &format!("{} to {}", summary.not_before, summary.not_after),
            )?;
        }
        Err(error) => row(
            page,
            "key",
            &format!("a certificate that cannot be read: {error}"),
        )?,
    }
    row(
        page,
        "certificate",
        &format!("SHA-256 {}", request.certificate_sha256),
    )?;
    writeln!(
        page,
        "\nA machine whose db holds this certificate will start"
    )?;
    for item in &request.items {
        started(page, item)?;
    }
    for manifest in manifests {
        mounted(page, manifest)?;
    }
    writeln!(
        page,
        "\nThe hashes that are signed prove the images' names, sizes and root hashes, and\n\
         what may be executed. Command line and size of a UKI are the word of the\n\
         machine that built it: whoever has the UKI can compare its digest, with\n\
         'sealboot inspect'.\n"
    )?;
    writeln!(page, "To be signed, SHA-256 with RSA PKCS#1 v1.5:")?;
    for item in &request.items {
        writeln!(page, "  {:<24} {}", item.name, words(item.kind))?;
        writeln!(page, "    {}", item.sha256)?;
    }
    writeln!(
        page,
        "\n'sealboot sign' makes the signatures. So does any program that signs with this key:\n\
         \n  openssl dgst -sha256 -sign db.key -out NAME{SIGNATURE_END} NAME{MESSAGE_END}"
    )
}

fn row(page: &mut Formatter<'_>, label: &str, value: &str) -> fmt::Result {
    writeln!(page, "  {label:<12} {}", printable(value))
}

fn started(page: &mut Formatter<'_>, item: &Item) -> fmt::Result {
    let Some(uki) = &item.uki else { return Ok(()) };
    row(
        page,
        &item.name,
        &format!("{} bytes, Authenticode SHA-256", uki.size),
    )?;
    row(page, "", &uki.authenticode_sha256)?;
    row(page, "command line", &uki.command_line)
}

fn mounted(page: &mut Formatter<'_>, manifest: &Manifest) -> fmt::Result {
    let of = manifest
        .system_name()
        .map_or(String::new(), |name| format!(" for {name}"));
    writeln!(
        page,
        "\nand it will mount{of}, and nothing else as its system"
    )?;
    for image in &manifest.images {
        row(
            page,
            image.name.as_str(),
            &format!("{}, {} bytes, root hash", image.file, image.size),
        )?;
        row(page, "", &image.root_hash)?;
    }
    match &manifest.policy {
        Some(_) => writeln!(page, "\nand execute only what these images hold.")?,
        None => writeln!(page, "\nand execute whatever its root user brings.")?,
    }
    if !manifest.sources.is_empty() {
        writeln!(page, "\nIt is made of the container images")?;
        for source in &manifest.sources {
            writeln!(
                page,
                "  {}\n    {}",
                printable(&source.reference),
                source.digest
            )?;
        }
    }
    Ok(())
}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::RootHash => "root hash of an image",
        Kind::Manifest => "manifest",
        Kind::ExecutionPolicy => "execution policy",
        Kind::Uki => "UKI",
    }
}

/// Text that cannot do anything to a terminal.
fn printable(text: &str) -> String {
    let plain = |letter: char| match letter.is_control() {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    text.chars().map(plain).collect()
}
