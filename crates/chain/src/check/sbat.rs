//! SBAT: the generations of what a UKI is made of, so that whole series of it can be revoked
//! (<https://github.com/rhboot/shim/blob/main/SBAT.md>).

use formats::uki::sbat;

use super::Context;
use crate::report::{Break, Breaks};
use crate::uki::Uki;
use crate::{Error, Part};

/// The lowest generation of each component that still starts: a shim's `SbatLevel`.
#[derive(Clone, Debug, Default)]
pub struct SbatLevel(Vec<(String, u32)>);

impl SbatLevel {
    /// Reads lines of a component and a generation; the first is about SBAT itself.
    pub fn read(text: &str) -> Result<Self, Error> {
        let mut levels = Vec::new();
        for line in text
            .trim_end_matches('\0')
            .lines()
            .filter(|line| !line.is_empty())
        {
            let mut fields = line.split(',');
            let name = fields.next().unwrap_or_default();
            let generation = fields.next().and_then(|field| field.trim().parse().ok());
            let generation = generation.filter(|_| !name.is_empty() && line.is_ascii());
            let generation =
                generation.ok_or_else(|| Error::SbatLevel(line.chars().take(80).collect()))?;
            levels.push((name.to_owned(), generation));
        }
        match levels.first() {
            Some((name, _)) if name == "sbat" => Ok(Self(levels)),
            _ => Err(Error::SbatLevel("no line about sbat itself".to_owned())),
        }
    }
}

const WHAT: &str = "its SBAT can be read";
const LEVEL: &str = "no component is below the SBAT level";

/// Checks the section; with a level also what shim would say.
pub(super) fn check(context: &mut Context<'_, '_>, part: &mut Part<'_>, uki: &Uki) {
    let name = part.name().to_owned();
    let Some(text) = uki.text(part, ".sbat") else {
        let why = "it has none: firmware does not mind, shim does not start it";
        return context.report.not_checked(&name, WHAT, why);
    };
    let components = match sbat::components("UKI", text.as_bytes()) {
        Ok(components) => components,
        Err(error) => {
            let found = Break::of(&name, error.to_string());
            return context.report.failed(&name, WHAT, found);
        }
    };
    let shown: Vec<String> = components
        .iter()
        .map(|component| format!("{} {}", component.name, component.generation))
        .collect();
    context.report.ok(&name, WHAT, shown.join(", "));
    let Some(SbatLevel(levels)) = &context.owner.sbat_level else {
        return;
    };
    let mut breaks = Breaks::default();
    for component in components {
        let lowest = levels.iter().find(|(name, _)| *name == component.name);
        if let Some((name, lowest)) = lowest.filter(|(_, lowest)| component.generation < *lowest) {
            let what = format!("{name} is revoked: shim does not start it");
            let (lowest, found) = (
                format!("generation {lowest} or later"),
                component.generation,
            );
            breaks.push(Break::of(part.name(), what).differs(lowest, found));
        }
    }
    context.report.settle(&name, LEVEL, breaks, "");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_what_shim_has() {
        let read = |text: &str| SbatLevel::read(text).map(|level| level.0.len());
        for (text, count) in [
            ("sbat,1,2024010900\nshim,4\ngrub,3\n", Some(3)),
            ("sbat,1,2024010900\n\0", Some(1)),
            ("", None),
            ("shim,4\n", None),
            ("sbat,1\nshim\n", None),
            ("sbat,1\nshim,x\n", None),
            ("sbat,1\n,3\n", None),
            ("sbat,1\nshim,99999999999\n", None),
        ] {
            assert_eq!(read(text).ok(), count, "{text:?}");
        }
    }
}
