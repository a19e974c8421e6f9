//! `sealboot keys apply`: signed variables, handed to the firmware of this machine.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use formats::efi_signature_list::{Auth, SignatureList, read, read_auth};
use formats::efivars::{PK, SECURE_BOOT, SETUP_MODE, SecureBoot, Variable};
use linux::efivars;
use serde::Serialize;
use source::keys::{Change, meant_for};

use crate::args::KeysApply;
use crate::exit::{Code, WithCode};
use crate::output;

/// Longest file that is taken, in bytes: no firmware has room for more.
const LIMIT: u64 = 1 << 20;

/// One file, and what it is for.
struct Write<'a> {
    path: &'a Path,
    /// All of the file.
    bytes: Vec<u8>,
    auth: Auth,
    variable: Variable,
    change: Change,
}

/// What came of it, for programs.
#[derive(Serialize)]
struct Row {
    file: PathBuf,
    variable: &'static str,
    change: &'static str,
}

/// Plans all of it, then does it, one after the other.
pub fn verb(options: &KeysApply, json: bool) -> anyhow::Result<()> {
    let folder = &options.efivars;
    let writes: Vec<Write<'_>> = options
        .files
        .iter()
        .map(|path| look_at(path))
        .collect::<anyhow::Result<_>>()?;
    let empties = writes.iter().find(|write| write.is_way_back());
    if let Some(write) = empties.filter(|_| !options.to_setup_mode) {
        return Err(anyhow!(
            "{} takes this machine's PK away: it would go back to setup mode, in which anybody may enrol \
             keys and everything starts; --to-setup-mode says that this is meant",
            write.path.display()
        ))
        .code(Code::Usage);
    }
    // A firmware that says nothing of Secure Boot has no such variables.
    let flag = |variable: Variable| efivars::read(folder, &variable.file_name());
    let [on, setup] = [flag(SECURE_BOOT)?, flag(SETUP_MODE)?];
    SecureBoot::decode(on.as_deref(), setup.as_deref())
        .with_context(|| {
            format!(
                "this machine's firmware cannot be asked in {}",
                folder.display()
            )
        })
        .code(Code::Missing)?;

    let mut rows = Vec::new();
    for write in &writes {
        write.apply(folder)?;
        if !json {
            output::print(&format!(
                "{}: {} {}\n",
                write.path.display(),
                write.variable.name,
                write.done()
            ))?;
        }
        rows.push(Row {
            file: write.path.to_owned(),
            variable: write.variable.name,
            change: write.done(),
        });
    }
    match json {
        true => output::print_json(&rows),
        false => output::print("It counts from the next start on.\n"),
    }
}

fn look_at(path: &Path) -> anyhow::Result<Write<'_>> {
    let cannot = || format!("{} cannot be applied", path.display());
    let size = std::fs::metadata(path)
        .with_context(cannot)
        .input_code()?
        .len();
    if size > LIMIT {
        return Err(anyhow!(
            "it has {size} bytes; no signed variable has more than {LIMIT}"
        ))
        .with_context(cannot)
        .code(Code::Refused);
    }
    let bytes = std::fs::read(path).with_context(cannot).input_code()?;
    let auth = read_auth(&bytes).with_context(cannot).code(Code::Refused)?;
    let (variable, change) = meant_for(&auth)
        .ok_or_else(|| {
            anyhow!(
                "its signature holds for none of PK, KEK, db and dbx: it was changed, or is for another \
                 variable"
            )
        })
        .with_context(cannot)
        .code(Code::Refused)?;
    Ok(Write {
        path,
        bytes,
        auth,
        variable,
        change,
    })
}

impl Write<'_> {
    /// Whether it leads back to setup mode.
    fn is_way_back(&self) -> bool {
        self.variable == PK && self.auth.data.is_empty()
    }

    fn done(&self) -> &'static str {
        match self.change {
            _ if self.auth.data.is_empty() => "removed",
            Change::Replace => "replaced",
            Change::Append => "added to",
        }
    }

    /// Writes the variable, and looks whether it holds what it should.
    fn apply(&self, folder: &Path) -> anyhow::Result<()> {
        let name = self.variable.name;
        let attributes = self.change.attributes(&self.variable).to_le_bytes();
        let file = self.variable.file_name();
        let content = [&attributes[..], &self.bytes].concat();
        if let Err(error) = efivars::write(folder, &file, &content) {
            let advice = match error.source.kind() {
                ErrorKind::PermissionDenied => {
                    "the firmware refuses what is signed by a key that it does not trust for this, and \
                     what is older than what it has; or you are not root"
                }
                ErrorKind::ReadOnlyFilesystem => {
                    "efivarfs is mounted read-only: mount -o remount,rw /sys/firmware/efi/efivars"
                }
                ErrorKind::StorageFull => "the firmware has no room left for it",
                _ => "the firmware does not take it",
            };
            let what = format!("{} was not applied: {advice}", self.path.display());
            return Err(anyhow::Error::from(error).context(what)).code(Code::Failed);
        }
        let found = efivars::read(folder, &file)?;
        let value = found.as_deref().and_then(|file| file.get(4..));
        match self.holds(value.unwrap_or_default()) {
            true => Ok(()),
            false => Err(anyhow!(
                "{} was taken by the firmware, but {name} does not hold what it should: look at it in the \
                 firmware's setup",
                self.path.display()
            ))
            .code(Code::Unexpected),
        }
    }

    fn holds(&self, value: &[u8]) -> bool {
        match self.change {
            Change::Replace => value == self.auth.data,
            Change::Append => {
                let (Ok(wanted), Ok(found)) = (read(&self.auth.data), read(value)) else {
                    return false;
                };
                let found = entries(&found);
                entries(&wanted).iter().all(|entry| found.contains(entry))
            }
        }
    }
}

/// Type and data of every entry.
fn entries(lists: &[SignatureList]) -> Vec<(uguid::Guid, &[u8])> {
    let of = |list: &'_ SignatureList| list.signature_type;
    lists
        .iter()
        .flat_map(|list| {
            let kind = of(list);
            list.signatures
                .iter()
                .map(move |entry| (kind, entry.data.as_slice()))
        })
        .collect()
}
