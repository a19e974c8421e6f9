//! A PE image, seen as a UKI.

use super::format::{Profile, SECTIONS};
use crate::pe::{Error, Pe};

/// One section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section<'a> {
    /// Its row in [`SECTIONS`]; `None` for sections of the stub's own.
    pub profile: Option<&'static Profile>,
    /// Its name as it stands in the section table.
    pub name: [u8; 8],
    /// Where it is in the file, in bytes.
    pub offset: u32,
    /// Its address in memory, relative to the image base.
    pub address: u32,
    /// Its content, without padding.
    pub content: &'a [u8],
}

impl Section<'_> {
    /// Its name up to the first NUL, as the stub reads it.
    pub fn name(&self) -> String {
        let name = self.name.split(|byte| *byte == 0).next();
        String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
    }
}

/// A UKI in memory.
#[derive(Clone, Debug)]
pub struct Uki<'a> {
    /// The image.
    pub pe: Pe<'a>,
    /// All its sections, in the order of the section table.
    pub sections: Vec<Section<'a>>,
}

impl<'a> Uki<'a> {
    /// Reads the section table. What the sections hold is not checked.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let pe = Pe::parse(bytes)?;
        let section = |header: &crate::pe::format::SectionHeader| Section {
            profile: SECTIONS.iter().find(|row| row.name == header.name()),
            name: header.name,
            offset: header.pointer_to_raw_data.get(),
            address: header.virtual_address.get(),
            content: pe.content(header),
        };
        let sections = pe.headers.sections.iter().map(section).collect();
        Ok(Self { pe, sections })
    }

    /// Content of the first section of that name: `.cmdline`.
    pub fn content(&self, name: &str) -> Option<&'a [u8]> {
        let section = self.sections.iter().find(|s| s.name() == name);
        section.map(|s| s.content)
    }

    /// Content of a section that holds text, up to its first NUL.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let text = std::str::from_utf8(self.content(name)?).ok()?;
        text.split('\0').next()
    }
}
