//! `sealboot keys rotate`, `revoke` and `apply`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{KeysFolder, Passphrase, Program};

/// Which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyName {
    /// Signs what boots
    Db,
    /// Signs changes of db and dbx
    Kek,
    /// Signs changes of KEK, and of itself
    Pk,
}

/// `sealboot keys rotate`
#[derive(Args, Debug)]
pub struct KeysRotate {
    /// The key to replace
    #[arg(value_name = "KEY", value_enum, ignore_case = true)]
    pub key: KeyName,
    /// Second step: from now on the new key signs. Every machine must trust it by now
    #[arg(long, conflicts_with = "finish")]
    pub switch: bool,
    /// Third step: put the old key aside, and make the update that takes it away from machines
    #[arg(long)]
    pub finish: bool,
    #[command(flatten)]
    pub folder: KeysFolder,
    /// Read the passphrase of the keys from the first line of this file instead of asking for it; the
    /// new key gets the same one
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// What signs in this step instead of a file, as for 'build': for the key above (KEK for db, PK for
    /// KEK and PK), in the second step for the new KEK
    #[arg(long, value_name = "COMMAND", conflicts_with = "passphrase_file")]
    pub sign_with: Option<Program>,
    /// Protect the new key with the passphrase in the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["no_passphrase", "switch", "finish"])]
    pub new_passphrase_file: Option<PathBuf>,
    /// Store the new private key without any protection
    #[arg(long, conflicts_with_all = ["switch", "finish"])]
    pub no_passphrase: bool,
    /// Size of the new RSA key in bits; some firmware takes 2048 only
    #[arg(long, value_name = "BITS", default_value = "2048", value_parser = ["2048", "3072", "4096"])]
    pub bits: String,
    /// Owner name in the new certificate; the key's name and the day are added
    #[arg(long, value_name = "TEXT", default_value = "sealboot owner")]
    pub name: String,
    /// Years until the new certificate expires
    #[arg(long, value_name = "YEARS", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub years: u32,
}

/// `sealboot keys revoke`
#[derive(Args, Debug)]
pub struct KeysRevoke {
    /// A UKI: by its hash. A release folder: each of its UKIs. A certificate, PEM or DER: whatever it
    /// signed
    #[arg(value_name = "FILE", required = true)]
    pub what: Vec<PathBuf>,
    /// Name certificates by their SHA-256: smaller, but not all firmware knows it
    #[arg(long)]
    pub by_hash: bool,
    /// Folder of the newest release: nothing that it needs is revoked [default: out, where there is one]
    #[arg(long, value_name = "DIR")]
    pub release: Option<PathBuf>,
    /// Revoke it although this needs it: the newest release's version, or "db", or "db.next"
    #[arg(long, value_name = "NAME")]
    pub even_though: Vec<String>,
    #[command(flatten)]
    pub folder: KeysFolder,
    #[command(flatten)]
    pub passphrase: Passphrase,
    /// What signs instead of DIR/KEK.key, as for 'build'
    #[arg(long, value_name = "COMMAND", conflicts_with = "passphrase_file")]
    pub sign_with: Option<Program>,
}

/// `sealboot keys apply`
#[derive(Args, Debug)]
pub struct KeysApply {
    /// Signed variables, in the order in which they are applied; what each is for, its signature tells
    #[arg(value_name = "FILE.auth", required = true)]
    pub files: Vec<PathBuf>,
    /// Apply an empty PK: this machine goes back to setup mode, and checks nothing that it starts
    #[arg(long)]
    pub to_setup_mode: bool,
    /// Where efivarfs is
    #[arg(long, value_name = "DIR", default_value = linux::efivars::FOLDER)]
    pub efivars: PathBuf,
}

pub const ROTATE_HELP: &str = "\
Order, and what breaks when:

  1. keys rotate db           DIR/db.next/ has the new key. The old one signs.
  2. on every machine         apply DIR/db.next/db-append.auth. It trusts both.
                              One that is left out starts nothing that is
                              built after 3.
  3. keys rotate db --switch  The new key signs. Machines of 2 start releases
                              of both. The old key is in DIR/db.old/.
  4. build, and install       a release of the new key, on every machine.
  5. keys rotate db --finish  DIR/db.auth trusts the new key only.
  6. on every machine         apply DIR/db.auth. What the old key signed starts
                              no more, in no slot.

KEK goes the same way, without 4. After 6, updates of db and dbx by the old one
are refused. Nothing that boots depends on it.

PK: firmware holds one, so it has no time of both. In 2 DIR/PK.next/
PK-replace.auth is applied, after which updates of KEK and PK by the old one are
refused; 4 and 6 are left out.

To apply: 'sealboot keys apply FILE.auth' as root on the machine (its recovery
system can); efi-updatevar of efitools; or the firmware's setup. What adds
(-append) is written with the attribute EFI_VARIABLE_APPEND_WRITE, any other
without it; firmware checks that. What replaces takes away what others enrolled.
Apply in the order in which they were made: firmware refuses what is older than
what it has. Each changes PCR 7: what a TPM unlocks by that needs its recovery
passphrase once.
";

pub const REVOKE_HELP: &str = "\
DIR/dbx.esl holds all that was ever revoked. DIR/dbx.auth adds it to a machine's
dbx: 'sealboot keys apply DIR/dbx.auth' there. The newest alone is enough; what
others put into dbx stays. Only whoever has the PK, or the firmware's setup,
takes anything out of dbx again.

By hash, that one UKI starts no more; every build has a hash of its own. By
certificate, nothing that the key signed starts any more: rotate the db key
first.

SBAT levels are no way to revoke a UKI: firmware does not know them. shim checks
them for what it starts; systemd-stub has an SBAT section and checks none.
";
