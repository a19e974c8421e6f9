//! `sealboot image`, `uki`, `disk`: one artefact each, by what `sealboot build` makes all of with.

mod disk;
mod hash;
mod image;
pub mod new_file;
pub mod uki;

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::args::{DiskVerb, ImageVerb, InitrdVerb, Program, Signing, UkiVerb};
use crate::build::initrd;
use crate::exit::WithCode;
use crate::keys::{self, OwnerKeys};

/// Does one of `sealboot image …`.
pub fn image(verb: &ImageVerb, json: bool, quiet: bool) -> anyhow::Result<()> {
    match verb {
        ImageVerb::Build(options) => image::build(options, json, quiet),
        ImageVerb::Hash(options) => hash::append(options, json, quiet),
    }
}

/// Does one of `sealboot uki …`.
pub fn uki(verb: &UkiVerb, json: bool) -> anyhow::Result<()> {
    match verb {
        UkiVerb::Build(options) => uki::build(options, json),
    }
}

/// Does one of `sealboot initrd …`.
pub fn initrd(verb: &InitrdVerb, json: bool, quiet: bool) -> anyhow::Result<()> {
    match verb {
        InitrdVerb::Build(options) => initrd::verb(options, json, quiet),
    }
}

/// Does one of `sealboot disk …`.
pub fn disk(verb: &DiskVerb, json: bool, quiet: bool) -> anyhow::Result<()> {
    match verb {
        DiskVerb::Build(options) => disk::build(options, json, quiet),
    }
}

/// The owner's keys, where signing is asked for: first of all, because a wrong passphrase should not
/// cost minutes.
fn open_keys(signing: &Signing) -> anyhow::Result<Option<OwnerKeys>> {
    let sign_with = Program::words(&signing.opening.sign_with);
    let folder = signing.keys.as_deref();
    folder
        .map(|folder| keys::open(folder, &signing.opening.passphrase, sign_with))
        .transpose()
}

/// A file of this machine that goes into something.
fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path)
        .with_context(|| format!("{} cannot be read", path.display()))
        .input_code()
}
