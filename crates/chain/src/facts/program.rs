//! A UKI, or another PE image.

use contract::esp;
use formats::uki::SECTIONS;
use serde::Serialize;

use super::signed::{ManifestFacts, Signature, manifest_of, signature_of};
use super::{LABEL, fact};
use crate::initrd::pinned;
use crate::text::Text;
use crate::uki::{self, Uki};
use crate::{Error, Part, hex};

/// A PE image for EFI.
#[derive(Clone, Debug, Serialize)]
pub struct Program {
    /// Processor: 0x8664 is x86-64.
    pub machine: String,
    /// In the order of the section table.
    pub sections: Vec<Section>,
    /// `.osrel`.
    pub os_release: Option<String>,
    /// `.cmdline`.
    pub command_line: Option<String>,
    /// `.uname`.
    pub uname: Option<String>,
    /// `.sbat`.
    pub sbat: Option<String>,
    /// The kernel in `.linux`.
    pub kernel: Option<Kernel>,
    /// Authenticode digest, SHA-256, hex; `None` when the image is not sound enough for one.
    pub authenticode_sha256: Option<String>,
    /// Signatures, in their order.
    pub signatures: Vec<Signature>,
    /// The manifest in its initrd.
    pub pinned: Option<ManifestFacts>,
    /// The boot settings in its initrd.
    pub boot: Option<serde_json::Value>,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// A section.
#[derive(Clone, Debug, Serialize)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// What a UKI has in a section of that name.
    pub meaning: Option<&'static str>,
    /// Where it is in the file, in bytes.
    pub offset: u32,
    /// Bytes of content, without padding.
    pub size: u32,
    /// Its address, relative to the image base.
    pub address: u32,
}

/// The kernel inside of a UKI.
#[derive(Clone, Debug, Serialize)]
pub struct Kernel {
    /// What it says of itself.
    pub version: Option<String>,
    /// Its own digest, hex.
    pub authenticode_sha256: Option<String>,
    /// Its own signatures: those that its distribution made.
    pub signatures: Vec<Signature>,
}

/// A kernel's version is this near to its start, in bytes.
const KERNEL_START: usize = 1 << 17;

pub(super) fn look(part: &mut Part<'_>) -> Result<Program, Error> {
    let image = Uki::open(part)?;
    let mut problems = Vec::new();
    let mut note = |what: &str, error: Error| problems.push(format!("{what}: {error}"));
    let digest = uki::digest(part, &mut |_| {});
    let digest = digest.map_err(|error| note("digest", error)).ok();
    let signatures = image.signatures(part).unwrap_or_else(|error| {
        note("signatures", error);
        Vec::new()
    });
    let signatures = signatures.iter().filter_map(|der| {
        let read = signature_of(der);
        read.map_err(|error| note("signature", error)).ok()
    });
    let signatures = signatures.collect();
    let (mut pinned_manifest, mut boot) = (None, None);
    if let Some(section) = image.section(".initrd") {
        match pinned(part, section) {
            Ok(files) => {
                let manifest = files.manifest.as_deref().map(manifest_of);
                let manifest = manifest.transpose();
                pinned_manifest = manifest.unwrap_or_else(|error| {
                    note(esp::MANIFEST, error);
                    None
                });
                let bytes = files.boot.as_deref();
                boot = bytes.and_then(|bytes| serde_json::from_slice(bytes).ok());
            }
            Err(error) => problems.push(error.to_string()),
        }
    }
    let sections = image.headers.sections.iter().map(|header| {
        let name = header.name();
        let row = SECTIONS.iter().find(|row| row.name == name);
        Section {
            meaning: row.map(|row| row.meaning),
            offset: header.pointer_to_raw_data.get(),
            size: header.size_of_raw_data.get().min(header.virtual_size.get()),
            address: header.virtual_address.get(),
            name,
        }
    });
    Ok(Program {
        machine: machine(image.headers.coff.machine.get()),
        sections: sections.collect(),
        os_release: image.text(part, ".osrel"),
        command_line: image.text(part, ".cmdline"),
        uname: image.text(part, ".uname"),
        sbat: image.text(part, ".sbat"),
        kernel: kernel(part, &image),
        authenticode_sha256: digest.map(|digest| hex(&digest)),
        signatures,
        pinned: pinned_manifest,
        boot,
        problems,
    })
}

fn machine(number: u16) -> String {
    match number {
        0x8664 => "x86-64".to_owned(),
        0xaa64 => "ARM64".to_owned(),
        other => format!("{other:#06x}"),
    }
}

/// The kernel as a PE image of its own.
fn kernel(part: &mut Part<'_>, image: &Uki) -> Option<Kernel> {
    let section = image.section(".linux")?;
    let mut kernel = part.window(section.offset, section.size);
    let start = kernel.start(KERNEL_START).ok()?;
    let version = source::kernel::image_version(&start);
    let inner = Uki::open(&mut kernel).ok();
    let signatures = inner.and_then(|inner| inner.signatures(&mut kernel).ok());
    let signatures = signatures.unwrap_or_default();
    Some(Kernel {
        version,
        authenticode_sha256: uki::digest(&mut kernel, &mut |_| {}).ok().map(|d| hex(&d)),
        signatures: signatures
            .iter()
            .filter_map(|der| signature_of(der).ok())
            .collect(),
    })
}

impl Program {
    pub(super) fn write(&self, text: &mut Text) {
        fact(text, "machine", &self.machine);
        for section in &self.sections {
            let Section {
                name, size, offset, ..
            } = section;
            let meaning = section.meaning.unwrap_or_default();
            text.exactly(&format!(
                "  {name:13} {size:>9} bytes at byte {offset:<9} {meaning}"
            ));
        }
        let texts = [
            ("os-release", &self.os_release),
            ("command line", &self.command_line),
            ("uname", &self.uname),
            ("SBAT", &self.sbat),
        ];
        for (label, value) in texts {
            let mut label = label;
            for line in value.iter().flat_map(|value| value.lines()) {
                fact(text, label, line);
                label = "";
            }
        }
        if let Some(digest) = &self.authenticode_sha256 {
            fact(text, "digest", digest);
        }
        if self.signatures.is_empty() {
            fact(text, "signature", "none");
        }
        for signature in &self.signatures {
            signature.write(text);
        }
        if let Some(kernel) = &self.kernel {
            text.exactly("  the kernel in it:");
            kernel.write(text);
        }
        if let Some(pinned) = &self.pinned {
            text.exactly("  pinned in its initrd:");
            pinned.write(text);
        }
        if let Some(boot) = &self.boot {
            let object = boot.as_object().into_iter().flatten();
            for (label, value) in object {
                text.row(2, label, LABEL + 6, &value.to_string());
            }
        }
        let execute = self.boot.as_ref().map(|boot| boot["execute"].as_str());
        match execute.flatten() {
            Some("signed") => {
                text.exactly("  execution is restricted to what the pinned images hold");
            }
            Some("any") => text.exactly("  execution is not restricted"),
            _ => {}
        }
        for problem in &self.problems {
            fact(text, "not readable", problem);
        }
    }
}

impl Kernel {
    fn write(&self, text: &mut Text) {
        let version = self.version.as_deref();
        fact(text, "version", version.unwrap_or("not said"));
        if let Some(digest) = &self.authenticode_sha256 {
            fact(text, "digest", digest);
        }
        if self.signatures.is_empty() {
            fact(text, "signature", "none of its own");
        }
        for signature in &self.signatures {
            signature.write(text);
        }
    }
}
