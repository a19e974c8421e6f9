//! `sealboot keys backup`, `restore`: private keys on paper, and back.

mod page;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use source::keys::{
    Backup, BackupError, CertificateSummary, FileSigner, KeyFile, KeySet, LoadError, ROLES,
    read_backup,
};
use zeroize::Zeroizing;

use super::{memory, not_written, passphrase};
use crate::args::{KeysBackup, KeysRestore, Passphrase};
use crate::clock;
use crate::exit::{Code, WithCode};
use crate::output;

/// Largest text that is taken, in bytes: three keys of 8192 bits are far smaller.
const LIMIT: u64 = 1 << 20;

/// Writes a page and a text for each key.
pub fn write(options: &KeysBackup, json: bool) -> anyhow::Result<()> {
    memory::keep_private()?;
    KeySet::check_folder(&options.out).map_err(not_written)?;
    let today = clock::day(clock::now()?);
    let mut files = Vec::new();
    let mut open = Vec::new();
    for name in &options.names {
        let backup = Backup::of_folder(&options.folder.folder, name)
            .with_context(|| format!("there is no backup of {name} to be made"))
            .code(Code::Keys)?;
        let summary = CertificateSummary::read(&backup.certificate).code(Code::Keys)?;
        let lines = backup.lines();
        let page = page::html(&backup, &summary, &lines, &today.to_string())
            .with_context(|| format!("the page of {name} cannot be made"))?;
        let mut text = page::remarks(&backup, &summary, &today.to_string());
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
        for (end, content) in [("html", page), ("txt", text)] {
            files.push(KeyFile {
                name: format!("{name}.{end}"),
                content: Zeroizing::new(content.as_bytes().to_vec()),
                private: true,
            });
        }
        if !backup.is_encrypted {
            open.push(name.as_str());
        }
    }
    let names: Vec<PathBuf> = files
        .iter()
        .map(|file| options.out.join(&file.name))
        .collect();
    KeySet { files }.write(&options.out).map_err(not_written)?;
    if !open.is_empty() {
        output::tell(&format!(
            "warning: {} not protected by a passphrase: whoever sees the page has the key",
            match open.as_slice() {
                [one] => format!("{one} is"),
                several => format!("{} are", several.join(", ")),
            }
        ));
    }
    if json {
        return output::print_json(&names);
    }
    let folder = options.out.display();
    output::print(&format!(
        "Pages are in {folder}/: print the .html files, see what came with\n\
         'sealboot keys check --backup', keep them apart from this machine, and remove\n\
         {folder}/.\n"
    ))
}

/// A keys folder of what was written down.
pub fn restore(options: &KeysRestore, json: bool) -> anyhow::Result<()> {
    let folder = &options.folder.folder;
    KeySet::check_folder(folder).map_err(not_written)?;
    let opened = open(&options.files, &options.passphrase)?;
    let names: Vec<String> = opened
        .iter()
        .map(|(backup, _)| backup.name.clone())
        .collect();
    let set = source::keys::restore(opened, clock::now()?).code(Code::Keys)?;
    set.write(folder).map_err(not_written)?;
    if json {
        return output::print_json(&names);
    }
    let whole = match names.len() == ROLES.len() {
        true => {
            "Signature lists and signed variables were made anew. db lists the owner's\n\
             certificate only: what else it had is to be added again.\n"
        }
        false => {
            "Signature lists and signed variables (.esl, .auth) are not on paper: take them\n\
             from 'sealboot keys export'.\n"
        }
    };
    let (folder, names) = (folder.display(), names.join(", "));
    output::print(&format!("{folder}/ has {names} again.\n{whole}"))
}

/// All keys in these texts, each opened with its passphrase.
pub fn open(files: &[PathBuf], options: &Passphrase) -> anyhow::Result<Vec<(Backup, FileSigner)>> {
    memory::keep_private()?;
    let mut text = Zeroizing::new(String::new());
    for path in files {
        let one = read(path)?;
        // By itself first: the line that a mistake is in is one of this file's.
        match read_backup(&one) {
            Ok(_) | Err(BackupError::Missing { .. } | BackupError::Nothing) => {}
            Err(error) => {
                return Err(error)
                    .with_context(|| unusable(std::slice::from_ref(path)))
                    .code(Code::Keys);
            }
        }
        text.push_str(&one);
        text.push('\n');
    }
    let found = read_backup(&text)
        .with_context(|| unusable(files))
        .code(Code::Keys)?;
    let mut known = passphrase::given(options)?;
    let mut opened = Vec::new();
    for backup in found {
        let known_one = known.as_ref().map(|text| text.as_bytes());
        let signer = match backup.open(known_one) {
            Err(BackupError::Load(
                LoadError::PassphraseNeeded { .. } | LoadError::WrongPassphrase { .. },
            )) if options.passphrase_file.is_none() => {
                let asked = passphrase::ask(&format!("Passphrase of {}: ", backup.name))?;
                let signer = backup.open(Some(asked.as_bytes()));
                known = Some(asked);
                signer
            }
            other => other,
        };
        let signer = signer
            .with_context(|| format!("the backup of {} does not sign", backup.name))
            .code(Code::Keys)?;
        opened.push((backup, signer));
    }
    Ok(opened)
}

fn unusable(files: &[PathBuf]) -> String {
    let names: Vec<String> = files
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let are = if names.len() == 1 { "is" } else { "are" };
    format!("{} {are} no backup that can be used", names.join(", "))
}

fn read(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let mut taken = || -> std::io::Result<()> {
        match path == Path::new("-") {
            true => std::io::stdin().take(LIMIT).read_to_string(&mut text)?,
            false => fs::File::open(path)?
                .take(LIMIT)
                .read_to_string(&mut text)?,
        };
        Ok(())
    };
    taken()
        .map_err(|error| anyhow!(error))
        .with_context(|| format!("{} cannot be read as text", path.display()))
        .code(Code::Keys)?;
    Ok(text)
}
