//! `sealboot keys check`: whether the keys still sign, and what belongs to them is whole. Of a backup, it
//! proves that it is one.

use std::path::PathBuf;

use anyhow::Context;
use serde::Serialize;
use source::keys::{Signer, examine, load_certificate};

use super::{backup, open_key};
use crate::args::{KeysCheck, Program};
use crate::exit::{Code, WithCode};
use crate::output;

/// What is signed to see whether the key does: it says of itself that it is nothing.
const CHALLENGE: &[u8] = b"sealboot keys check: this signature is good for nothing";

/// One thing that was checked.
#[derive(Serialize)]
struct Row {
    key: String,
    check: String,
    /// What is wrong; nothing when it holds.
    problem: Option<String>,
}

/// Checks, prints every check, and fails when one does.
pub fn verb(options: &KeysCheck, json: bool) -> anyhow::Result<()> {
    let folder = &options.folder.folder;
    let rows = match options.backup.as_slice() {
        [] => of_folder(options)?,
        files => of_backup(options, files)?,
    };
    let failed = rows.iter().filter(|row| row.problem.is_some()).count();
    match json {
        true => output::print_json(&rows)?,
        false => output::print(&rows.iter().map(line).collect::<String>())?,
    }
    let shown = match options.backup.is_empty() {
        true => format!("the keys in {}/ do", folder.display()),
        false => "the backup does".to_owned(),
    };
    match failed {
        0 => Ok(()),
        _ => Err(anyhow::anyhow!(
            "{shown} not hold: {failed} of {} checks failed",
            rows.len()
        ))
        .code(Code::Keys),
    }
}

/// What is on paper: that it signs, and that it is the key of this folder, where there is one.
fn of_backup(options: &KeysCheck, files: &[PathBuf]) -> anyhow::Result<Vec<Row>> {
    let folder = &options.folder.folder;
    let mut rows = Vec::new();
    for (backup, signer) in backup::open(files, &options.passphrase)? {
        let key = backup.name.clone();
        let signed = signer.sign(CHALLENGE);
        rows.push(Row {
            check: format!("{key} on paper opens and signs, its certificate verifies it"),
            problem: signed.err().map(|error| format!("{error:#}")),
            key: key.clone(),
        });
        let path = folder.join(format!("{key}.crt"));
        if !path.exists() {
            continue;
        }
        let problem = match load_certificate(&path) {
            Ok((der, _)) if der == backup.certificate => None,
            Ok(_) => Some("it is another certificate".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        rows.push(Row {
            check: format!("its certificate is {}", path.display()),
            problem,
            key,
        });
    }
    Ok(rows)
}

fn of_folder(options: &KeysCheck) -> anyhow::Result<Vec<Row>> {
    let folder = &options.folder.folder;
    let sign_with = Program::words(&options.sign_with);
    if !sign_with.is_empty() && options.names.len() != 1 {
        return Err(anyhow::anyhow!(
            "--sign-with signs with one key, and which it is was not said: name it, 'keys check db'"
        ))
        .code(Code::Usage);
    }
    let mut rows = Vec::new();
    for name in &options.names {
        let signs = open_key(folder, name, &options.passphrase, sign_with)
            .and_then(|key| key.sign(CHALLENGE).context("it does not sign"));
        let check = match sign_with.first() {
            None => format!("{name}.key opens and signs, {name}.crt verifies it"),
            Some(program) => format!("{program} signs, {name}.crt verifies it"),
        };
        let problem = signs.err().map(|error| format!("{error:#}"));
        let key = name.clone();
        rows.push(Row {
            key,
            check,
            problem,
        });
        rows.extend(
            examine(folder, name)
                .into_iter()
                .map(|(check, result)| Row {
                    key: name.clone(),
                    check,
                    problem: result.err(),
                }),
        );
    }
    Ok(rows)
}

fn line(row: &Row) -> String {
    match &row.problem {
        None => format!("ok      {}\n", row.check),
        Some(problem) => format!("FAILED  {}\n          {problem}\n", row.check),
    }
}
