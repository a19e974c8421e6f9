//! How a UKI lies in its file and in memory: as PE asks for (Microsoft, "PE Format", sections 3 and 4), and the
//! UKI specification (UAPI group). systemd-stub finds sections by their names, firmware by their
//! addresses: neither may find another one than a reader does.

use formats::uki::SECTIONS;

use super::Context;
use crate::report::{Break, Breaks};
use crate::uki::Uki;

/// From here on sections belong to another profile, and may be there again (UKI specification,
/// "Multi-profile UKIs").
const PROFILE: &str = ".profile";

/// Device trees, of which a UKI may have one for each machine.
const SEVERAL: [&str; 2] = [".dtbauto", ".efifw"];

/// What a UKI cannot be without.
const LINUX: &str = ".linux";

pub(super) fn check(context: &mut Context<'_, '_>, name: &str, uki: &Uki) {
    let what = "its sections lie as PE and the UKI specification ask for";
    let mut breaks = Breaks::default();
    let mut wrong = |problem: String| breaks.push(Break::of(name, problem));
    names(uki, &mut wrong);
    alignment(uki, &mut wrong);
    let sections = &uki.headers.sections;
    apart(
        sections.iter().map(|section| {
            let size = section
                .virtual_size
                .get()
                .max(section.size_of_raw_data.get());
            (section.name(), section.virtual_address.get(), size)
        }),
        "in memory",
        &mut wrong,
    );
    apart(
        sections.iter().map(|section| {
            let (start, size) = (&section.pointer_to_raw_data, &section.size_of_raw_data);
            (section.name(), start.get(), size.get())
        }),
        "in the file",
        &mut wrong,
    );
    let detail = format!("{} sections", sections.len());
    context.report.settle(name, what, breaks, detail);
}

fn names(uki: &Uki, wrong: &mut dyn FnMut(String)) {
    let mut seen: Vec<String> = Vec::new();
    let mut profiles = false;
    for section in &uki.headers.sections {
        let name = section.name();
        let known = SECTIONS.iter().any(|row| row.name == name);
        if name == PROFILE {
            profiles = true;
            seen.clear();
        } else if known && !SEVERAL.contains(&name.as_str()) && seen.contains(&name) {
            wrong(format!(
                "section {name} is there twice: which one counts is not said"
            ));
        }
        seen.push(name);
    }
    let linux = uki
        .headers
        .sections
        .iter()
        .any(|section| section.name() == LINUX);
    if !linux && !profiles {
        wrong(format!(
            "there is no section {LINUX}: it is no UKI, but another program"
        ));
    }
}

fn alignment(uki: &Uki, wrong: &mut dyn FnMut(String)) {
    let optional = &uki.headers.optional;
    let (in_memory, in_file) = (
        optional.section_alignment.get(),
        optional.file_alignment.get(),
    );
    let aligned = |value: u32, to: u32| to > 0 && value.is_multiple_of(to);
    for section in &uki.headers.sections {
        let (name, address) = (section.name(), section.virtual_address.get());
        if !aligned(address, in_memory) {
            wrong(format!(
                "section {name} has the address {address:#x}, which is no multiple of {in_memory:#x}"
            ));
        }
        let (place, size) = (
            section.pointer_to_raw_data.get(),
            section.size_of_raw_data.get(),
        );
        if size > 0 && !(aligned(place, in_file) && aligned(size, in_file)) {
            wrong(format!(
                "section {name} is at byte {place:#x} with {size:#x} bytes; multiples of {in_file:#x} are \
                 needed"
            ));
        }
        let end = u64::from(address) + u64::from(section.virtual_size.get());
        if end > u64::from(optional.size_of_image.get()) {
            wrong(format!(
                "section {name} ends at {end:#x}, behind the image's end in memory"
            ));
        }
    }
}

/// No two of these may share a byte: name, start and size.
fn apart(
    parts: impl Iterator<Item = (String, u32, u32)>,
    place: &str,
    wrong: &mut dyn FnMut(String),
) {
    let mut parts: Vec<_> = parts.filter(|(_, _, size)| *size > 0).collect();
    parts.sort_by_key(|(_, start, _)| *start);
    for pair in parts.windows(2) {
        let [(first, start, size), (second, next, _)] = pair else {
            continue;
        };
        if u64::from(*start) + u64::from(*size) > u64::from(*next) {
            wrong(format!(
                "sections {first} and {second} overlap {place}, at {next:#x}"
            ));
        }
    }
}
