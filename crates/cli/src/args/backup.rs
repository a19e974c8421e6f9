//! `sealboot keys backup`, `restore` and `export`.

use std::path::PathBuf;

use clap::Args;

use super::{KeysFolder, Passphrase};

/// `sealboot keys backup`
#[derive(Args, Debug)]
pub struct KeysBackup {
    /// Only these
    #[arg(value_name = "KEY", default_values = ["PK", "KEK", "db"], value_parser = ["PK", "KEK", "db"])]
    pub names: Vec<String>,
    /// New folder for the pages
    #[arg(long, value_name = "DIR", default_value = "keys-backup")]
    pub out: PathBuf,
    #[command(flatten)]
    pub folder: KeysFolder,
}

/// `sealboot keys restore`
#[derive(Args, Debug)]
pub struct KeysRestore {
    /// Text files with the lines of the pages, as they were scanned or typed; "-" is standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub folder: KeysFolder,
    #[command(flatten)]
    pub passphrase: Passphrase,
}

/// `sealboot keys export`
#[derive(Args, Debug)]
pub struct KeysExport {
    /// New folder for what is public
    #[arg(value_name = "TO")]
    pub to: PathBuf,
    #[command(flatten)]
    pub folder: KeysFolder,
}

pub const BACKUP_HELP: &str = "\
A page for each key, NAME.html, to be printed: what the key is for, the fingerprint of its
certificate, and all that is needed to sign with it again, as QR codes and as lines of text. NAME.txt
has the same lines. A key with a passphrase stays encrypted with it: the page is worth nothing
without. One without is not: whoever sees the page has the key.

'sealboot keys check --backup' proves what was copied from paper, 'sealboot keys restore' makes a
keys folder of it. Without sealboot: the lines are base32 (RFC 4648) with a check behind; together
they are the private key (PKCS#8, DER), its certificate (DER) and the owner's GUID.";
