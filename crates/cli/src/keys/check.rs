//! `sealboot keys check`: whether the keys still sign, and what belongs to them is whole. Of a backup, it
//! proves that it is one.

use anyhow::Context;
use serde::Serialize;
use source::keys::{Signer, examine};

use super::open_file;
use crate::args::KeysCheck;
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
    let mut rows = Vec::new();
    for name in &options.names {
        let signs = open_file(folder, name, &options.passphrase)
            .and_then(|key| key.sign(CHALLENGE).context("it does not sign"));
        let check = format!("{name}.key opens and signs, {name}.crt verifies it");
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
    let failed = rows.iter().filter(|row| row.problem.is_some()).count();
    match json {
        true => output::print_json(&rows)?,
        false => output::print(&rows.iter().map(line).collect::<String>())?,
    }
    match failed {
        0 => Ok(()),
        _ => Err(anyhow::anyhow!(
            "the keys in {}/ do not hold: {failed} of {} checks failed",
            folder.display(),
            rows.len()
        ))
        .code(Code::Keys),
    }
}

fn line(row: &Row) -> String {
    match &row.problem {
        None => format!("ok      {}\n", row.check),
        Some(problem) => format!("FAILED  {}\n          {problem}\n", row.check),
    }
}
