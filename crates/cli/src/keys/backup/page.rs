//! The page that is printed: HTML with everything in it.

use std::fmt::Write;

use anyhow::Context;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use source::keys::{Backup, CertificateSummary};
use zeroize::Zeroizing;

const STYLE: &str = include_str!("style.css");

/// Lines of text in one QR code: what a telephone reads from paper.
const PER_CODE: usize = 10;

/// What the private key can do, for who finds the page.
fn purpose(name: &str) -> &'static str {
    match name {
        "PK" => {
            "the platform key: whoever has it may change every other key of the owner's machines"
        }
        "KEK" => "the key exchange key: whoever has it may change what the owner's machines start",
        _ => "the db key: what it signs, the owner's machines start",
    }
}

fn protection(backup: &Backup) -> &'static str {
    match backup.is_encrypted {
        true => "Encrypted with its passphrase, which is not on this page.",
        false => "NOT encrypted: whoever sees this page has the key.",
    }
}

/// The first lines of the text, which are no part of the key.
pub fn remarks(backup: &Backup, summary: &CertificateSummary, today: &str) -> Zeroizing<String> {
    let name = &backup.name;
    Zeroizing::new(format!(
        "# Backup of {name}, {today}\n# {}\n# {}\n# certificate SHA-256 {}\n\
         # {} Back: sealboot keys restore\n\n",
        purpose(name),
        summary.subject,
        summary.sha256,
        protection(backup),
    ))
}

/// The page.
pub fn html(
    backup: &Backup,
    summary: &CertificateSummary,
    lines: &[Zeroizing<String>],
    today: &str,
) -> anyhow::Result<Zeroizing<String>> {
    let name = &backup.name;
    let mut out = Zeroizing::new(String::new());
    let subject = escape(&summary.subject);
    let (purpose, protection) = (purpose(name), protection(backup));
    let class = if backup.is_encrypted {
        ""
    } else {
        " class=\"warning\""
    };
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>Backup of {name}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>Backup of {name}</h1>\n<p>{today}: {purpose}.</p>\n<p{class}>{protection}</p>\n\
         <table>\n<tr><th>Certificate</th><td>{subject}</td></tr>\n\
         <tr><th>Valid</th><td>{} to {}</td></tr>\n\
         <tr><th>SHA-256</th><td class=\"code\">{}</td></tr>\n\
         <tr><th>Owner</th><td class=\"code\">{}</td></tr>\n</table>\n\
         <p>To get it back: scan the codes, or type the lines below, into a text file, in any order; \
         <code>sealboot keys check --backup FILE</code> says which lines are missing or wrong, \
         <code>sealboot keys restore FILE</code> makes the key's files.</p>\n<div class=\"codes\">\n",
        summary.not_before, summary.not_after, summary.sha256, backup.owner,
    )?;
    for (index, some) in lines.chunks(PER_CODE).enumerate() {
        let (first, last) = (index * PER_CODE + 1, index * PER_CODE + some.len());
        let mut text = Zeroizing::new(String::new());
        for line in some {
            text.push_str(line);
            text.push('\n');
        }
        let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M)
            .context("the lines do not fit into a QR code")?;
        let picture = Zeroizing::new(code.render::<svg::Color<'_>>().quiet_zone(true).build());
        // An XML declaration has no place inside of a page.
        let start = picture.find("<svg").unwrap_or(0);
        let picture = picture.get(start..).unwrap_or_default();
        writeln!(
            out,
            "<figure>{picture}<figcaption>{name} {first} to {last}</figcaption></figure>"
        )?;
    }
    out.push_str("</div>\n<pre>\n");
    for line in lines {
        out.push_str(line);
        out.push('\n');
    }
    out.push_str(
        "</pre>\n<p>Without sealboot: each line is the key's name, its number, base32 (RFC 4648) and a check of four \
         characters. Decoded and joined, the lines are the private key (PKCS#8, DER), its certificate (X.509, \
         DER) and the owner's GUID (16 bytes): <code>openssl pkey -inform DER</code> and <code>openssl x509 \
         -inform DER</code> read them.</p>\n</body>\n</html>\n",
    );
    Ok(out)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
