//! `sealboot oci …`: the toolbox's image; images from and to registries.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Keep;

/// How images and releases are named, for the help of both directions.
const AFTER_HELP: &str = "\
Images are named as in sealboot.toml: oci://REGISTRY/NAME[:TAG][@sha256:…], oci:FOLDER[:TAG] for an \
OCI layout, oci-archive:FILE[:TAG] for one in a tar. Without a tag, the copy has that of the \
original. All platforms are copied, byte for byte, and what refers to them (signatures, bills of \
materials) comes along. What is there already is not sent again.

A folder without a prefix (out/) is a release, as 'sealboot build' makes it; in a registry it is an \
artifact with one layer for each file. It is verified against the owner's certificate before it is \
sent and before it takes its place. The disk image is made of the other files: it is sent with --disk \
only. What an earlier release left in the folder goes.

A registry on this machine is asked without TLS, others when [oci] insecure in sealboot.toml names \
them. Logins are those of docker and podman.";

/// `sealboot oci …`
#[derive(Debug, Subcommand)]
pub enum OciVerb {
    /// Make the toolbox: a container image that builds releases with nothing else, and that boots as
    /// the recovery system
    Build(OciBuild),
    /// Send an image or a release to a registry
    #[command(after_long_help = AFTER_HELP)]
    Push(OciPush),
    /// Fetch an image or a release from a registry into a folder or file
    #[command(after_long_help = AFTER_HELP)]
    Pull(OciCopy),
}

/// `sealboot oci push`
#[derive(Args, Debug)]
pub struct OciPush {
    #[command(flatten)]
    pub copy: OciCopy,
    /// Send the disk image of a release, too
    #[arg(long)]
    pub disk: bool,
}

/// `sealboot oci pull`, and most of `sealboot oci push`
#[derive(Args, Debug)]
pub struct OciCopy {
    /// What to copy
    #[arg(value_name = "FROM")]
    pub from: String,
    /// Where to
    #[arg(value_name = "TO")]
    pub to: String,
    /// Configuration whose [oci] counts; sealboot.toml here when there is one
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of downloads, checked again at every use
    /// [default: $XDG_CACHE_HOME/sealboot, ~/.cache/sealboot, else cache]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Folder of the owner's keys, for the certificate that a release is verified with; else what the
    /// configuration says, else "keys"
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// The certificate in db that signs what boots, PEM or DER, instead of a folder of keys
    #[arg(long, value_name = "FILE", conflicts_with = "keys")]
    pub certificate: Option<PathBuf>,
    /// Do not verify a release: neither signatures nor images are looked at
    #[arg(long, conflicts_with_all = ["keys", "certificate"])]
    pub unverified: bool,
}

/// `sealboot oci build`
#[derive(Args, Debug)]
pub struct OciBuild {
    /// Where the image goes: a folder, a file or a registry, named as for push and pull
    #[arg(value_name = "TO", default_value = "oci:toolbox")]
    pub to: String,
    /// Configuration; sealboot.toml here when there is one, else the built-in one
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of downloads and finished work, checked again at every use
    /// [default: $XDG_CACHE_HOME/sealboot, ~/.cache/sealboot, else cache]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    #[command(flatten)]
    pub keep: Keep,
    /// Use no network: only what is in the cache
    #[arg(long)]
    pub offline: bool,
    /// Ask registries again what the tags in sealboot.lock stand for
    #[arg(long, conflicts_with = "offline")]
    pub update: bool,
}
