//! SBAT: one CSV line for each component, so that old versions can be revoked by generation.

/// First line of every SBAT section.
pub const HEADER: &str =
    "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md";

/// Why SBAT text is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The first line is not the one about SBAT itself.
    #[error("the SBAT text of the {part} starts with {found:?}; \"sbat,1,…\" is needed")]
    Header {
        /// Whose text it is.
        part: String,
        /// Its first line.
        found: String,
    },
    /// A line that is not one component.
    #[error(
        "the SBAT text of the {part} has the line {found:?}; component, generation, vendor, \
         package, version and address, with commas between them, are needed"
    )]
    Line {
        /// Whose text it is.
        part: String,
        /// The line.
        found: String,
    },
}

/// One SBAT text from several: each part's name, for messages, and its text. The line about SBAT
/// itself comes once, first; then all components, each different line once.
pub fn merge(parts: &[(&str, &[u8])]) -> Result<String, Error> {
    let mut lines = vec![HEADER.to_owned()];
    for (part, bytes) in parts {
        let part = || (*part).to_owned();
        let text = String::from_utf8_lossy(bytes);
        let text = text.split('\0').next().unwrap_or_default();
        let mut left = text.lines().filter(|line| !line.trim().is_empty());
        let Some(first) = left.next() else { continue };
        if !first.starts_with("sbat,") {
            let found = first.to_owned();
            return Err(Error::Header {
                part: part(),
                found,
            });
        }
        for line in left {
            let generation = line.split(',').nth(1).unwrap_or_default();
            let is_component = line.split(',').count() >= 6
                && generation.parse::<u32>().is_ok()
                && line.chars().all(|c| !c.is_control() && c != '\u{fffd}');
            if !is_component {
                let found = line.to_owned();
                return Err(Error::Line {
                    part: part(),
                    found,
                });
            }
            if !lines.iter().any(|other| other == line) {
                lines.push(line.to_owned());
            }
        }
    }
    lines.push(String::new());
    Ok(lines.join("\n"))
}
