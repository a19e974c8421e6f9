//! The command line: one definition, from which help, man pages and completions come.

mod artefact;
mod backup;
mod keep;
mod keys;
mod oci;
mod run;
mod write;

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};

use crate::exit;
pub use artefact::{
    DiskBuild, DiskVerb, ImageBuild, ImageHash, ImageVerb, InitrdBuild, InitrdVerb, Signing,
    UkiBuild, UkiVerb,
};
pub use backup::{KeysBackup, KeysExport, KeysRestore};
pub use keep::Keep;
pub use keys::{KeyName, KeysApply, KeysRevoke, KeysRotate};
pub use oci::{OciBuild, OciCopy, OciPush, OciVerb};
pub use run::{Bus, Forward, Network, Run, Tamper};
pub use write::Write;

/// Turns a container image and a kernel package into an operating system that a PC's firmware
/// verifies from the first instruction to the last file.
#[derive(Debug, Parser)]
#[command(
    name = "sealboot",
    version,
    arg_required_else_help = true,
    max_term_width = 80
)]
#[command(after_long_help = exit::table())]
pub struct Arguments {
    /// Print results as JSON on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// Print no progress
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs, in the order in which one needs them.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make and show the owner's Secure Boot keys
    #[command(subcommand)]
    Keys(KeysVerb),
    /// Build what sealboot.toml describes: a signed release and its disk image
    Build(Build),
    /// Where the key is: say what a release would be allowed, ask, and sign its hashes
    Sign(Sign),
    /// Where the release was built: check signatures that were made elsewhere, and finish it
    Attach(Attach),
    /// Write the disk image to a USB stick, a disk or a file, and read it back
    #[command(
        override_usage = "sealboot write [OPTIONS] [IMAGE] TARGET\n       sealboot write --list",
        after_long_help = write::AFTER_HELP
    )]
    Write(Write),
    /// Boot the disk image in QEMU, Secure Boot on, on this terminal
    Run(Run),
    /// Say what a file is and what is in it, without judging it
    Inspect(Inspect),
    /// Check a release, a disk or any file of them against the owner's certificate
    Verify(Verify),
    /// Say what two releases differ in: packages, files, command line, sizes, signers, PCRs
    Diff(Diff),
    /// Say what a TPM will hold once a UKI was started: PCRs 4, 7 and 11
    Measure(Measure),
    /// Make one image: squashfs with a dm-verity hash tree; hash any file
    #[command(subcommand)]
    Image(ImageVerb),
    /// Make one initrd
    #[command(subcommand)]
    Initrd(InitrdVerb),
    /// Make one UKI
    #[command(subcommand)]
    Uki(UkiVerb),
    /// Make one disk image
    #[command(subcommand)]
    Disk(DiskVerb),
    /// Make the toolbox's image; copy images and releases from and to registries
    #[command(subcommand)]
    Oci(OciVerb),
    /// Say what this machine runs: release, Secure Boot state, images and their root hashes
    Status,
    /// Run a part of the recovery system: its inittab calls these
    #[command(subcommand, hide = true)]
    Recovery(Recovery),
}

/// `sealboot keys …`
#[derive(Debug, Subcommand)]
pub enum KeysVerb {
    /// Make PK, KEK and db: three separate keys
    Create(KeysCreate),
    /// Show the certificates: names, fingerprints, validity
    Show(KeysFolder),
    /// Prove that the keys still sign, and that what belongs to them is whole: of a backup, too
    Check(KeysCheck),
    /// Write down the private keys: pages to be printed, with QR codes and text
    #[command(after_long_help = backup::BACKUP_HELP)]
    Backup(KeysBackup),
    /// Make a keys folder of what was written down
    Restore(KeysRestore),
    /// Copy what is public of the keys: for a machine that builds, and to be enrolled
    Export(KeysExport),
    /// Replace a key by a new one, in three steps, with the updates that machines need
    #[command(after_long_help = keys::ROTATE_HELP)]
    Rotate(KeysRotate),
    /// Make an update of dbx, after which machines start no more what is named
    #[command(after_long_help = keys::REVOKE_HELP)]
    Revoke(KeysRevoke),
    /// On the machine: hand signed variables (.auth files) to its firmware, and look what came of it
    Apply(KeysApply),
}

/// Where the keys are.
#[derive(Args, Clone, Debug)]
pub struct KeysFolder {
    /// Folder of the owner's keys
    #[arg(long = "keys", value_name = "DIR", default_value = "keys")]
    pub folder: PathBuf,
}

/// How the private keys are protected.
#[derive(Args, Clone, Debug)]
pub struct Passphrase {
    /// Read the passphrase from the first line of this file instead of asking for it
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// What signs.
#[derive(Args, Clone, Debug)]
pub struct Opening {
    #[command(flatten)]
    pub passphrase: Passphrase,
    /// A program that signs instead of DIR/db.key, with its arguments, split at spaces: it gets a
    /// SHA-256 digest on standard input and gives an RSA signature (PKCS#1 v1.5). Or a pkcs11: URI
    /// (RFC 7512): a token's key, asked by sealboot-pkcs11
    #[arg(long, value_name = "COMMAND", conflicts_with = "passphrase_file")]
    pub sign_with: Option<Program>,
}

/// A program and its arguments.
#[derive(Clone, Debug)]
pub struct Program(pub Vec<String>);

impl Program {
    /// The words of what was given; none where nothing was.
    pub fn words(given: &Option<Self>) -> &[String] {
        given.as_ref().map_or(&[], |program| &program.0)
    }
}

impl FromStr for Program {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        match words.is_empty() {
            true => Err("it names no program"),
            false => Ok(Self(words)),
        }
    }
}

/// `sealboot keys create`
#[derive(Args, Debug)]
pub struct KeysCreate {
    #[command(flatten)]
    pub folder: KeysFolder,
    #[command(flatten)]
    pub passphrase: Passphrase,
    /// Store the private keys without any protection
    #[arg(long, conflicts_with = "passphrase_file")]
    pub no_passphrase: bool,
    /// Size of the RSA keys in bits; some firmware takes 2048 only
    #[arg(long, value_name = "BITS", default_value = "2048", value_parser = ["2048", "3072", "4096"])]
    pub bits: String,
    /// Owner name in the certificates
    #[arg(long, value_name = "TEXT", default_value = "sealboot owner")]
    pub name: String,
    /// Owner GUID in signature lists; a random one by default
    #[arg(long, value_name = "GUID")]
    pub owner: Option<String>,
    /// Years until the certificates expire
    #[arg(long, value_name = "YEARS", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub years: u32,
    /// Trust option ROMs of cards, too: Microsoft's certificate for them, a file, or "machine" for the
    /// one in this machine's db
    #[arg(long, value_name = "FILE")]
    pub with_option_rom_ca: Vec<PathBuf>,
    /// Trust what Microsoft signs for others, too: boot loaders, and option ROMs made before 2024
    #[arg(long, value_name = "FILE")]
    pub with_microsoft_uefi_ca: Vec<PathBuf>,
    /// Trust Windows, too
    #[arg(long, value_name = "FILE")]
    pub with_windows_ca: Vec<PathBuf>,
    /// Where efivarfs is, for "machine"
    #[arg(long, value_name = "DIR", default_value = linux::efivars::FOLDER)]
    pub efivars: PathBuf,
}

/// `sealboot keys check`
#[derive(Args, Debug)]
pub struct KeysCheck {
    /// Text files with the lines of a backup: what is on paper signs, and is this folder's
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "names")]
    pub backup: Vec<PathBuf>,
    /// Only these
    #[arg(value_name = "KEY", default_values = ["PK", "KEK", "db"], value_parser = ["PK", "KEK", "db"])]
    pub names: Vec<String>,
    #[command(flatten)]
    pub folder: KeysFolder,
    #[command(flatten)]
    pub passphrase: Passphrase,
    /// What signs instead of DIR/KEY.key, as for 'build'; KEY has to be named then
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["passphrase_file", "backup"])]
    pub sign_with: Option<Program>,
}

/// `sealboot build`
#[derive(Args, Debug)]
pub struct Build {
    /// Configuration; sealboot.toml here when there is one, else the built-in one
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of the owner's keys; else what the configuration says, else "keys"
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    #[command(flatten)]
    pub opening: Opening,
    /// Folder for the results
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub out: PathBuf,
    /// Folder of downloads and finished work, checked again at every use
    /// [default: $XDG_CACHE_HOME/sealboot, ~/.cache/sealboot, else OUT/cache]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    #[command(flatten)]
    pub keep: Keep,
    /// Sign nothing: leave OUT/to-sign for 'sealboot sign' on another machine. Needs the public files of
    /// the keys folder only
    #[arg(long, conflicts_with_all = ["passphrase_file", "sign_with"])]
    pub unsigned: bool,
    /// Use no network: only what is in the cache
    #[arg(long)]
    pub offline: bool,
    /// Ask registries again what the tags in sealboot.lock stand for
    #[arg(long, conflicts_with = "offline")]
    pub update: bool,
    /// Print the whole effective configuration as TOML and stop
    #[arg(long)]
    pub print_config: bool,
    /// Print the plan and stop
    #[arg(long)]
    pub dry_run: bool,
}

/// `sealboot sign`
#[derive(Args, Debug)]
pub struct Sign {
    /// What a build with --unsigned left
    #[arg(value_name = "DIR", default_value = "to-sign")]
    pub to_sign: PathBuf,
    #[command(flatten)]
    pub keys: KeysFolder,
    #[command(flatten)]
    pub opening: Opening,
    /// New folder for the signatures
    #[arg(long, value_name = "DIR", default_value = "signatures")]
    pub signatures: PathBuf,
    /// Sign this release without asking
    #[arg(long, value_name = "RELEASE")]
    pub yes: Option<String>,
}

/// `sealboot attach`
#[derive(Args, Debug)]
pub struct Attach {
    /// Folder of the release that waits for its signatures
    #[arg(value_name = "OUT", default_value = "out")]
    pub out: PathBuf,
    /// Folder of the signatures
    #[arg(value_name = "SIGNATURES", default_value = "signatures")]
    pub signatures: PathBuf,
    #[command(flatten)]
    pub keys: KeysFolder,
}

/// `sealboot inspect`
#[derive(Args, Debug)]
pub struct Inspect {
    /// UKI, image, disk image or block device, release folder, manifest, signature,
    /// certificate, EFI signature list or signed variable
    #[arg(value_name = "FILE", default_value = "out")]
    pub file: PathBuf,
    /// Dump every field of its on-disk structures, with offset and size in bytes
    ///
    /// Goes as far as it can with a damaged file, and says where it ends. Knows PE images, UKIs,
    /// squashfs images with their hash tree, disk images with the FAT32 volumes on them, initrds,
    /// certificates, PKCS#7 signatures, EFI signature lists, signed variables, boot entries and
    /// variable stores. Offsets with + before them count from the start of unpacked bytes.
    #[arg(long)]
    pub fields: bool,
}

/// `sealboot diff`
#[derive(Args, Debug)]
pub struct Diff {
    /// Folder of the older release
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// Folder of the newer one
    #[arg(value_name = "NEW", default_value = "out")]
    pub new: PathBuf,
}

/// `sealboot measure`
#[derive(Args, Debug)]
pub struct Measure {
    /// The UKI, of whatever maker
    #[arg(value_name = "FILE", default_value = "out/kernel.efi")]
    pub file: PathBuf,
    #[command(flatten)]
    pub keys: KeysFolder,
    /// What is enrolled as dbx: a file of EFI signature lists [default: nothing]
    #[arg(long, value_name = "FILE")]
    pub dbx: Option<PathBuf>,
    /// Leave out PCR 7, for which the enrolled keys must be known
    #[arg(long, conflicts_with_all = ["folder", "dbx"])]
    pub no_keys: bool,
}

/// `sealboot verify`
#[derive(Args, Debug)]
pub struct Verify {
    /// What to verify: anything that 'sealboot inspect' knows, or a release in a registry
    /// (oci://REGISTRY/NAME[:TAG], oci:FOLDER, oci-archive:FILE)
    #[arg(value_name = "FILE", default_value = "out")]
    pub file: PathBuf,
    #[command(flatten)]
    pub keys: KeysFolder,
    /// The certificate in db that signs what boots, PEM or DER, instead of a folder of keys
    #[arg(long, value_name = "FILE", conflicts_with = "folder")]
    pub certificate: Option<PathBuf>,
    /// All that firmware trusts, instead: a file of EFI signature lists, as db holds them. What any
    /// certificate in it vouches for holds
    #[arg(long, value_name = "FILE", conflicts_with_all = ["folder", "certificate"])]
    pub db: Option<PathBuf>,
    /// What firmware refuses: a file of EFI signature lists, as dbx holds them
    #[arg(long, value_name = "FILE")]
    pub dbx: Option<PathBuf>,
    /// What shim refuses: lines of a component and its lowest generation (SbatLevel)
    #[arg(long, value_name = "FILE")]
    pub sbat_level: Option<PathBuf>,
    /// This machine's own db and dbx, as its firmware has them now
    #[arg(long, conflicts_with_all = ["folder", "certificate", "db", "dbx"])]
    pub firmware: bool,
    /// Every check, and why it must hold
    #[arg(long)]
    pub explain: bool,
}

/// `sealboot recovery …`
#[derive(Debug, Subcommand)]
pub enum Recovery {
    /// Make places to write to, load drivers, make the SSH server's key
    Start,
    /// Load drivers for what is plugged in
    Hardware,
    /// Show the first screen, and give shells where the release allows them
    Console,
    /// Become a service, with a log of what it says
    Service {
        /// Which one
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
    }
}
