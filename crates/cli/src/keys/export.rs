//! `sealboot keys export`: what is public of the keys, for machines that build and for those that are enrolled.

use std::collections::BTreeSet;
use std::fs;

use anyhow::Context;
use source::keys::{KeyFile, KeySet};
use zeroize::Zeroizing;

use super::not_written;
use crate::args::KeysExport;
use crate::exit::{Code, WithCode};
use crate::output;

/// The ends of the names of what may leave: whatever else there is may be private. The empty PK is left out, too:
/// it lets whoever has it turn Secure Boot off.
const PUBLIC: [&str; 5] = [".crt", ".cer", ".esl", ".auth", ".guid"];
const NOT: &str = "PK-empty.auth";

/// Copies what is public to a new folder.
pub fn verb(options: &KeysExport, json: bool) -> anyhow::Result<()> {
    let (from, to) = (&options.folder.folder, &options.to);
    KeySet::check_folder(to).map_err(not_written)?;
    let cannot = || format!("the keys folder {} cannot be read", from.display());
    let entries = fs::read_dir(from).with_context(cannot).code(Code::Keys)?;
    let mut names = BTreeSet::new();
    for entry in entries {
        let entry = entry.with_context(cannot).code(Code::Keys)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_public = PUBLIC.iter().any(|end| name.ends_with(end)) && name != NOT;
        if is_public && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            names.insert(name);
        }
    }
    // A folder without these is no keys folder.
    for needed in ["PK.cer", "KEK.cer", "db.cer"] {
        super::public(from, needed)?;
    }
    let mut files = Vec::new();
    for name in &names {
        let content = Zeroizing::new(super::public(from, name)?);
        files.push(KeyFile {
            name: name.clone(),
            content,
            private: false,
        });
    }
    KeySet { files }.write(to).map_err(not_written)?;
    match json {
        true => output::print_json(&names),
        false => output::print(&format!(
            "{}/ has {} files, none of them private: 'sealboot build --unsigned', 'attach' and\n\
             'verify' need no others.\n",
            to.display(),
            names.len()
        )),
    }
}
