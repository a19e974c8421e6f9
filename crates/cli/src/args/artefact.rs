//! `sealboot image | uki | initrd | disk …`: one artefact each.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use config::Compressor;

use super::Opening;

/// Block sizes that squashfs has, in KiB.
const BLOCK_SIZES: [&str; 9] = ["4", "8", "16", "32", "64", "128", "256", "512", "1024"];

/// How inputs of images are named, for the help.
const FROM: &str = "\
FROM is a container image (oci://REGISTRY/NAME[:TAG][@sha256:…], oci:FOLDER[:TAG], \
oci-archive:FILE[:TAG], docker-archive:FILE[:TAG]), a folder, a .deb, an .apk, or a tar, plain or \
compressed with gzip, xz or zstd. Several are merged, the lowest first. Everything in a folder is \
owned by root in the image.

Same inputs, same bytes. SOURCE_DATE_EPOCH is the image's date; without it, that of the newest file.

With --keys, FILE.roothash and FILE.roothash.p7s are written beside the image, FILE without its \
.squashfs.";

/// `sealboot image …`
#[derive(Debug, Subcommand)]
pub enum ImageVerb {
    /// Make an image: a squashfs with its dm-verity hash tree behind it
    #[command(after_long_help = FROM)]
    Build(ImageBuild),
    /// Append a dm-verity hash tree to a file, and print the root hash
    Hash(ImageHash),
}

/// `sealboot image build`
#[derive(Args, Debug)]
pub struct ImageBuild {
    /// What goes in, lowest first
    #[arg(value_name = "FROM", required = true)]
    pub from: Vec<String>,
    /// The image
    #[arg(long, short, value_name = "FILE", default_value = "root.squashfs")]
    pub output: PathBuf,
    /// How blocks are compressed; else what the configuration says, else zstd
    #[arg(long, value_parser = compressors())]
    pub compressor: Option<Compressor>,
    /// Its level: zstd 1 to 22, xz 0 to 9, gzip 1 to 9; else what the configuration says, else 9
    /// for zstd and gzip, 6 for xz
    #[arg(long, allow_negative_numbers = true)]
    pub level: Option<i32>,
    /// squashfs block size; else what the configuration says, else 128
    #[arg(long, value_name = "KIB", value_parser = BLOCK_SIZES)]
    pub block_size: Option<String>,
    /// Make no hash tree: a squashfs alone
    #[arg(long, conflicts_with = "keys")]
    pub no_verity: bool,
    #[command(flatten)]
    pub signing: Signing,
    /// Configuration whose [image], [oci] and [alpine] count; sealboot.toml here when there is one
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of downloads, checked again at every use
    /// [default: $XDG_CACHE_HOME/sealboot, ~/.cache/sealboot, else cache]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Use no network: only what is in the cache
    #[arg(long)]
    pub offline: bool,
}

/// `sealboot image hash`
#[derive(Args, Debug)]
pub struct ImageHash {
    /// File that gets the hash tree at its end, filled up to whole blocks of 4096 bytes
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub signing: Signing,
}

/// Signing what is made, where that is asked for.
#[derive(Args, Debug)]
pub struct Signing {
    /// Folder of the owner's keys: sign what is made with db
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    #[command(flatten)]
    pub opening: Opening,
}

/// The names of what compresses.
fn compressors() -> impl TypedValueParser<Value = Compressor> {
    let value = |one: Compressor| PossibleValue::new(one.name()).help(one.words());
    let names = PossibleValuesParser::new(Compressor::ALL.map(value));
    names.try_map(|name| {
        let found = Compressor::ALL.into_iter().find(|one| one.name() == name);
        found.ok_or("no such compressor")
    })
}

/// `sealboot uki …`
#[derive(Debug, Subcommand)]
pub enum UkiVerb {
    /// Make a UKI of a stub, a kernel, an initrd and a command line
    #[command(
        override_usage = "sealboot uki build --kernel FILE --initrd FILE --command-line TEXT …"
    )]
    Build(UkiBuild),
}

/// `sealboot uki build`
#[derive(Args, Debug)]
pub struct UkiBuild {
    /// Kernel, a PE image (CONFIG_EFI_STUB); not a byte of it is changed
    #[arg(long, value_name = "FILE")]
    pub kernel: PathBuf,
    /// Initrd
    #[arg(long, value_name = "FILE")]
    pub initrd: PathBuf,
    /// systemd-stub
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
    )]
    pub stub: PathBuf,
    /// Kernel command line, inside the signature; without one, systemd-stub would take any
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub command_line: String,
    /// os-release(5), as a boot menu shows it; one that names the kernel by default
    #[arg(long, value_name = "FILE")]
    pub os_release: Option<PathBuf>,
    /// Processor microcode: an uncompressed early cpio
    #[arg(long, value_name = "FILE")]
    pub microcode: Option<PathBuf>,
    /// Kernel version; by default what the kernel says of itself
    #[arg(long, value_name = "VERSION")]
    pub kernel_version: Option<String>,
    /// Private key, PKCS#8: signs the states of the TPM's PCR 11, so that what is sealed to the key opens for this
    /// UKI (.pcrpkey, .pcrsig)
    #[arg(long, value_name = "FILE")]
    pub pcr_key: Option<PathBuf>,
    /// A state to sign: phases that were measured, joined by colons; "" is the one in which the kernel starts
    /// [default: those of systemd-measure]
    #[arg(long, value_name = "PHASES", requires = "pcr_key")]
    pub pcr_phase: Vec<String>,
    /// The UKI
    #[arg(long, short, value_name = "FILE", default_value = "kernel.efi")]
    pub output: PathBuf,
    #[command(flatten)]
    pub signing: Signing,
}

/// `sealboot initrd …`
#[derive(Debug, Subcommand)]
pub enum InitrdVerb {
    /// Make the initrd that sealboot.toml describes, for a release that was built of it
    Build(InitrdBuild),
}

/// `sealboot initrd build`
#[derive(Args, Debug)]
pub struct InitrdBuild {
    /// Configuration; sealboot.toml here when there is one, else the built-in one
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of the release whose images the initrd pins
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub release: PathBuf,
    /// Which of several systems
    #[arg(long, value_name = "NAME")]
    pub system: Option<String>,
    /// The initrd
    #[arg(long, short, value_name = "FILE", default_value = "initrd.img")]
    pub output: PathBuf,
    /// Folder of downloads, checked again at every use
    /// [default: $XDG_CACHE_HOME/sealboot, ~/.cache/sealboot, else cache]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Use no network: only what is in the cache
    #[arg(long)]
    pub offline: bool,
}

/// `sealboot disk …`
#[derive(Debug, Subcommand)]
pub enum DiskVerb {
    /// Make a disk image: GPT with one FAT32 EFI partition that holds these files
    Build(DiskBuild),
}

/// `sealboot disk build`
#[derive(Args, Debug)]
pub struct DiskBuild {
    /// A file of this machine and its path on the partition: kernel.efi=EFI/BOOT/BOOTX64.EFI
    #[arg(value_name = "FILE=PATH", required = true)]
    pub files: Vec<String>,
    /// The disk image, sparse
    #[arg(long, short, value_name = "FILE", default_value = "disk.img")]
    pub output: PathBuf,
    /// Size of the whole disk; by default as small as it can be with 8 MiB left
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1 << 21))]
    pub size: Option<u64>,
    /// Label of the FAT volume, at most 11 characters
    #[arg(long, value_name = "TEXT", default_value = contract::esp::SLOT_A_LABEL)]
    pub volume_label: String,
    /// Name of the partition, at most 36 characters
    #[arg(long, value_name = "TEXT", default_value = contract::esp::SLOT_A_NAME)]
    pub partition_name: String,
    /// Print the plan and stop
    #[arg(long)]
    pub dry_run: bool,
}
