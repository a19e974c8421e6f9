//! The times of signed variables: each later than all before it.
//!
//! Firmware takes a write only when its time is later than that of the variable's last one (UEFI 2.10,
//! section 8.2.2); an append may have any time, but a later one counts from then on. So what is made next
//! is later than everything in the folder, whatever this machine's clock says.

use std::fs;
use std::path::Path;

use formats::efi_signature_list::{Timestamp, read_auth};

use super::ChangeError;

/// How deep `.auth` files are looked for: `db.old-2026-11-28/before/db.auth` is the deepest.
const DEPTH: usize = 4;

/// Gives out times, a second apart.
pub(super) struct Times {
    next: u64,
}

impl Times {
    /// From now on, or from after the newest `.auth` file in `folder`.
    pub(super) fn after(folder: &Path, now: u64) -> Result<Self, ChangeError> {
        let newest = newest(folder, DEPTH)?;
        Ok(Self {
            next: now.max(newest.map_or(0, |newest| newest + 1)),
        })
    }

    /// The next one.
    pub(super) fn take(&mut self) -> Result<Timestamp, ChangeError> {
        let time = Timestamp::from_unix(self.next).ok_or(ChangeError::NoLaterTime)?;
        self.next += 1;
        Ok(time)
    }
}

/// Seconds since 1970 of the newest `.auth` file.
fn newest(folder: &Path, depth: usize) -> Result<Option<u64>, ChangeError> {
    let mut newest = None;
    let entries = fs::read_dir(folder).map_err(ChangeError::reading(folder))?;
    for entry in entries {
        let entry = entry.map_err(ChangeError::reading(folder))?;
        let path = entry.path();
        // What an interruption left of files that were never whole.
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let kind = entry.file_type().map_err(ChangeError::reading(&path))?;
        let found = if kind.is_dir() && depth > 0 {
            self::newest(&path, depth - 1)?
        } else if path.extension().is_some_and(|end| end == "auth") {
            let bytes = fs::read(&path).map_err(ChangeError::reading(&path))?;
            let auth = read_auth(&bytes).map_err(|error| ChangeError::List {
                path: path.clone(),
                error,
            })?;
            let time = auth.time.to_unix();
            let (path, time_found) = (path.clone(), auth.time);
            Some(time.ok_or(ChangeError::Time { path, time_found })?)
        } else {
            None
        };
        newest = newest.max(found);
    }
    Ok(newest)
}
