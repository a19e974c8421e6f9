//! The sections that the specification names.

/// What a section's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionKind {
    /// Text, UTF-8.
    Text,
    /// Bytes.
    Binary,
}

/// One row of [`SECTIONS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Name in the section table.
    pub name: &'static str,
    /// What it holds, for people.
    pub meaning: &'static str,
    /// What its bytes are.
    pub kind: SectionKind,
}

const fn text(name: &'static str, meaning: &'static str) -> Profile {
    let kind = SectionKind::Text;
    Profile {
        name,
        meaning,
        kind,
    }
}

const fn binary(name: &'static str, meaning: &'static str) -> Profile {
    let kind = SectionKind::Binary;
    Profile {
        name,
        meaning,
        kind,
    }
}

/// Sections of a UKI, in the order in which sealboot writes those that it writes.
pub const SECTIONS: &[Profile] = &[
    text(".osrel", "os-release of the system"),
    text(".cmdline", "kernel command line"),
    text(".uname", "kernel version"),
    text(".sbat", "SBAT revocation metadata"),
    binary(".ucode", "microcode, loaded before the initrd"),
    binary(".initrd", "initrd"),
    binary(".linux", "kernel"),
    binary(".splash", "boot splash"),
    binary(".dtb", "device tree"),
    text(".pcrsig", "signed PCR values"),
    text(".pcrpkey", "public key of the PCR signatures"),
    text(".profile", "name of a profile"),
];
