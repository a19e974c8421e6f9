//! Which format a file is, by its bytes; by its name only when those are damaged.

use formats::efi_signature_list;
use formats::pe::parse_headers;
use serde::Serialize;

use crate::{Certificate, Error, Part};
use contract::manifest::Manifest;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A PE image with a kernel in it.
    Uki,
    /// Another PE image.
    Pe,
    /// A squashfs, with or without a hash tree.
    Image,
    /// A disk, or an image of one, with a GUID partition table.
    Disk,
    /// A folder that a build wrote.
    Folder,
    /// `release.json`.
    Manifest,
    /// A PKCS#7 signature, DER.
    Signature,
    /// An X.509 certificate, PEM or DER.
    Certificate,
    /// An EFI signature list.
    SignatureList,
    /// A signed EFI variable.
    SignedVariable,
}

impl Kind {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Uki => "unified kernel image (UKI)",
            Self::Pe => "EFI program (PE image)",
            Self::Image => "squashfs image",
            Self::Disk => "disk with a GUID partition table",
            Self::Folder => "release folder",
            Self::Manifest => "manifest of a release",
            Self::Signature => "PKCS#7 signature",
            Self::Certificate => "X.509 certificate",
            Self::SignatureList => "EFI signature list",
            Self::SignedVariable => "signed EFI variable",
        }
    }
}

/// Longest file of the small formats, in bytes.
pub(crate) const SMALL: usize = 1 << 20;

/// The end of a name → what the file was meant to be.
const BY_NAME: &[(&str, Kind)] = &[
    (".efi", Kind::Uki),
    (".squashfs", Kind::Image),
    (".img", Kind::Disk),
    (".json", Kind::Manifest),
    (".p7s", Kind::Signature),
    (".p7b", Kind::Signature),
    (".crt", Kind::Certificate),
    (".cer", Kind::Certificate),
    (".esl", Kind::SignatureList),
    (".auth", Kind::SignedVariable),
];

/// Looks at a file's first bytes, and its last ones for a disk whose start is gone.
pub fn recognise(part: &mut Part<'_>) -> Result<Kind, Error> {
    if part.size() == 0 {
        return Err(Error::Empty(part.name().to_owned()));
    }
    let start = part.start(SMALL)?;
    let last_sector = match part.size().checked_sub(512) {
        Some(offset) => part.bytes_at(offset, 512)?,
        None => Vec::new(),
    };
    let at = |offset: usize, magic: &[u8]| {
        let found = start.get(offset..);
        found.is_some_and(|bytes| bytes.starts_with(magic))
    };
    let has_table = at(512, b"EFI PART") || at(4096, b"EFI PART");
    let is_protective = at(510, &[0x55, 0xaa]) && at(450, &[0xee]);
    if at(0, b"hsqs") {
        return Ok(Kind::Image);
    }
    if at(0, b"MZ")
        && let Ok(headers) = parse_headers(&start)
    {
        let is_uki = headers.sections.iter().any(|s| s.name() == ".linux");
        return Ok(if is_uki { Kind::Uki } else { Kind::Pe });
    }
    if has_table || is_protective || last_sector.starts_with(b"EFI PART") {
        return Ok(Kind::Disk);
    }
    if let Some(kind) = small(part, &start) {
        return Ok(kind);
    }
    let named = BY_NAME.iter().find(|(end, _)| part.name().ends_with(end));
    named.map(|(_, kind)| *kind).ok_or_else(|| Error::Unknown {
        what: part.name().to_owned(),
        start: start.get(..16).unwrap_or(&start).escape_ascii().to_string(),
    })
}

fn small(part: &Part<'_>, bytes: &[u8]) -> Option<Kind> {
    if part.size() > SMALL as u64 || bytes.is_empty() {
        return None;
    }
    let is_list = || {
        let lists = efi_signature_list::read(bytes).ok()?;
        lists.iter().any(|l| !l.signatures.is_empty()).then_some(())
    };
    if Certificate::read(part.name(), bytes).is_ok() {
        Some(Kind::Certificate)
    } else if formats::pkcs7::read(bytes).is_ok() {
        Some(Kind::Signature)
    } else if Manifest::from_json(bytes).is_ok() {
        Some(Kind::Manifest)
    } else if efi_signature_list::read_auth(bytes).is_ok() {
        Some(Kind::SignedVariable)
    } else if is_list().is_some() {
        Some(Kind::SignatureList)
    } else {
        None
    }
}
