//! A UKI as text: a line for each section, then the texts.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::format::SectionKind;
use super::reader::Uki;

/// Sections with offset, address and size in bytes and the start of their SHA-256, then the
/// content of those that hold text.
pub fn dump(uki: &Uki<'_>) -> String {
    let mut out = String::from("name       offset    address       size  sha256\n");
    let mut texts = String::new();
    for section in &uki.sections {
        let name = section.name().escape_default().to_string();
        let hash = Sha256::digest(section.content);
        let hash: String = hash.iter().take(8).map(|b| format!("{b:02x}")).collect();
        let (offset, address, size) = (section.offset, section.address, section.content.len());
        // Writing into a String cannot fail.
        let _ = writeln!(
            out,
            "{name:8} {offset:#8x} {address:#10x} {size:10}  {hash}"
        );
        if section
            .profile
            .is_some_and(|row| row.kind == SectionKind::Text)
        {
            let _ = writeln!(texts, "\n{name}");
            for line in String::from_utf8_lossy(section.content).lines() {
                let _ = writeln!(texts, "  {}", line.escape_debug());
            }
        }
    }
    out + &texts
}
