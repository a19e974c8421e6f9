//! `sealboot oci …`: the toolbox's image; images from and to registries.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// How images are named, for the help of both directions.
const AFTER_HELP: &str = "\
Images are named as in sealboot.toml: oci://REGISTRY/NAME[:TAG][@sha256:…], oci:FOLDER[:TAG] for an \
OCI layout, oci-archive:FILE[:TAG] for one in a tar. Without a tag, the copy has that of the \
original. All platforms are copied, byte for byte, and what refers to them (signatures, bills of \
materials) comes along. What is there already is not sent again.

A registry on this machine is asked without TLS, others when [oci] insecure in sealboot.toml names \
them. Logins are those of docker and podman.";

/// `sealboot oci …`
#[derive(Debug, Subcommand)]
pub enum OciVerb {
    /// Make the toolbox: a container image that builds releases with nothing else, and that boots as
    /// the recovery system
    Build(OciBuild),
    /// Send an image to a registry
    #[command(after_long_help = AFTER_HELP)]
    Push(OciCopy),
    /// Fetch an image from a registry into a folder or file
    #[command(after_long_help = AFTER_HELP)]
    Pull(OciCopy),
}

/// `sealboot oci push` and `sealboot oci pull`
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
    /// Folder of downloads, checked again at every use
    /// [default: $XDG_CACHE_HOME/sealboot, ~/.cache/sealboot, else cache]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Use no network: only what is in the cache
    #[arg(long)]
    pub offline: bool,
    /// Ask registries again what the tags in sealboot.lock stand for
    #[arg(long, conflicts_with = "offline")]
    pub update: bool,
}
