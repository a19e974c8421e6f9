//! `sealboot sign`: the second half of a build whose key is on another machine. It sees hashes only, says
//! what their signatures allow, and asks.

mod attach;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use artifact::signing::{self, ToSign};
use serde::Serialize;

pub use attach::verb as attach;

use crate::args;
use crate::confirm::Question;
use crate::exit::{Code, Failure, WithCode, of_input};
use crate::keys;
use crate::output;

/// What came out.
#[derive(Serialize)]
struct Made<'a> {
    /// Where the signatures are.
    folder: &'a Path,
    /// The release that was signed.
    release: &'a str,
    /// What was signed.
    items: Vec<&'a str>,
}

/// Does what the command line says.
pub fn verb(options: &args::Sign, json: bool) -> anyhow::Result<()> {
    let what = ToSign::read(&options.to_sign)
        .with_context(|| format!("{} cannot be signed", options.to_sign.display()))
        .map_err(coded)?;
    let folder = &options.signatures;
    if folder.symlink_metadata().is_ok() {
        let what = format!(
            "{} is there already; --signatures names another folder",
            folder.display()
        );
        return Err(anyhow!(what)).code(Code::Usage);
    }
    if !json {
        output::print(&format!("{what}\n"))?;
    }
    let release = &what.request().release;
    let question = Question {
        name: release,
        is: format!("this is release {release:?}"),
        option: "--yes",
        would: format!("release {release} would be signed"),
        warning: None,
        purpose: "to sign it",
        nothing: "nothing was signed",
    };
    question.ask(options.yes.as_deref())?;
    let opening = &options.opening;
    let sign_with = args::Program::words(&opening.sign_with);
    let keys = keys::open_key(&options.keys.folder, "db", &opening.passphrase, sign_with)?;
    let files = signing::sign(&what, &*keys).map_err(|error| coded(error.into()))?;
    write(folder, &files).with_context(|| format!("{} cannot be written", folder.display()))?;
    let items = what.request().items.iter();
    let made = Made {
        folder,
        release,
        items: items.map(|item| item.name.as_str()).collect(),
    };
    match json {
        true => output::print_json(&made),
        false => output::print(&format!(
            "{}/: {} signatures for release {release}\n",
            folder.display(),
            made.items.len(),
        )),
    }
}

/// A new folder with all of these files, or none.
fn write(folder: &Path, files: &[(String, Vec<u8>)]) -> anyhow::Result<()> {
    let parent = folder.parent().filter(|path| !path.as_os_str().is_empty());
    let corner = tempfile::Builder::new()
        .prefix(".signing-")
        .tempdir_in(parent.unwrap_or(Path::new(".")))?;
    for (name, bytes) in files {
        let path: PathBuf = corner.path().join(name);
        fs::write(&path, bytes)?;
        fs::File::open(&path)?.sync_all()?;
    }
    fs::rename(corner.path(), folder)?;
    // It has another name now.
    let _ = corner.keep();
    Ok(())
}

/// The exit code that goes with what is wrong.
fn coded(error: anyhow::Error) -> anyhow::Error {
    let code = match error.downcast_ref::<signing::Error>() {
        Some(signing::Error::OtherKey { .. } | signing::Error::Sign(_)) => Code::Keys,
        Some(signing::Error::Missing { .. }) => Code::Missing,
        Some(signing::Error::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {
            Code::Missing
        }
        Some(signing::Error::Read { .. } | signing::Error::Write { .. }) => of_input(&error),
        _ => Code::Refused,
    };
    Failure::new(code, error).into()
}
