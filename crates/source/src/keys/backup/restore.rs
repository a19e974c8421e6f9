//! A keys folder from paper.

use zeroize::Zeroizing;

use super::{Backup, BackupError};
use crate::keys::ROLES;
use crate::keys::create::{KeyFile, KeySet, enrolment, times};
use crate::keys::file_signer::FileSigner;
use crate::keys::new_key::certificate_files;

/// The files of these keys, each opened: what does not open is no backup. Of a whole set the signature lists and
/// signed variables are made anew, with the time `now` (seconds since 1970); db lists the owner's certificate only.
pub fn restore(keys: Vec<(Backup, FileSigner)>, now: u64) -> Result<KeySet, BackupError> {
    let Some(owner) = keys.first().map(|(first, _)| first.owner) else {
        return Err(BackupError::Nothing);
    };
    let mut files = Vec::new();
    let mut signers = Vec::new();
    for (backup, signer) in keys {
        if backup.owner != owner {
            return Err(BackupError::Owners(backup.name));
        }
        files.push(KeyFile {
            name: format!("{}.key", backup.name),
            content: Zeroizing::new(backup.pem()?.as_bytes().to_vec()),
            private: true,
        });
        files.extend(certificate_files(&backup.name, &backup.certificate)?);
        signers.push(signer);
    }
    // They come in the order of the roles, each once.
    match signers.len() == ROLES.len() {
        true => files.extend(enrolment(&signers, owner, &[], times(now, 1)?)?),
        false => {
            let owner = format!("{owner}\n");
            files.push(KeyFile::public("owner", "guid", owner.as_bytes()));
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(KeySet { files })
}
