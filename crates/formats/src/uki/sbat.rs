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
        for component in components(part, bytes)? {
            if !lines.contains(&component.line) {
                lines.push(component.line);
            }
        }
    }
    lines.push(String::new());
    Ok(lines.join("\n"))
}

/// One component of an SBAT text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Its name.
    pub name: String,
    /// Its generation: all below it are revoked together.
    pub generation: u32,
    /// The whole line.
    pub line: String,
}

/// The components of an SBAT text, without the line about SBAT itself; `part` is whose it is, for messages.
pub fn components(part: &str, bytes: &[u8]) -> Result<Vec<Component>, Error> {
    let part = || part.to_owned();
    let text = String::from_utf8_lossy(bytes);
    let text = text.split('\0').next().unwrap_or_default();
    let mut left = text.lines().filter(|line| !line.trim().is_empty());
    let Some(first) = left.next() else {
        return Ok(Vec::new());
    };
    if !first.starts_with("sbat,") {
        let found = first.to_owned();
        return Err(Error::Header {
            part: part(),
            found,
        });
    }
    let component = |line: &str| {
        let mut fields = line.split(',');
        let name = fields.next().unwrap_or_default().to_owned();
        let generation = fields.next().unwrap_or_default().parse().ok();
        let is_whole = line.split(',').count() >= 6
            && line.chars().all(|c| !c.is_control() && c != '\u{fffd}');
        match generation {
            Some(generation) if is_whole => Ok(Component {
                name,
                generation,
                line: line.to_owned(),
            }),
            _ => Err(Error::Line {
                part: part(),
                found: line.to_owned(),
            }),
        }
    };
    left.map(component).collect()
}
