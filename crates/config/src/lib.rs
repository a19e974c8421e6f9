//! `sealboot.toml`: the one file that describes a release. Every field has a default, so an
//! empty file, or none, is the built-in release.

mod add;
mod archives;
mod check;
mod defaults;
mod error;
mod image;
mod load;
mod mistake;
mod recovery;
mod source;
mod system;
mod toolbox;

pub use self::source::{Follow, Source, SourceKind};
pub use add::Add;
pub use archives::{Alpine, Debian, Oci};
pub use error::Error;
pub use image::Compressor;
pub use load::{FILE_NAME, load, parse, print, sources};
pub use mistake::Wrong;
pub use recovery::Recovery;
pub use system::System;
pub use toolbox::Toolbox;

use std::path::PathBuf;

use contract::{boot, esp};
use serde::{Deserialize, Serialize};

/// The whole configuration. Paths are relative to the folder that the file is in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What the system is called: `ID`, `NAME` and `IMAGE_ID` of os-release(5).
    pub name: String,
    /// Release version. When not set: the date of the newest file that goes in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Debian's archive, for every source that names Debian packages.
    pub debian: Debian,
    /// Alpine's archive, for every source that names Alpine packages.
    pub alpine: Alpine,
    /// Container registries, for every source that names an image in one.
    pub oci: Oci,
    /// Kernel and modules.
    pub kernel: Kernel,
    /// Firmware image.
    pub firmware: Firmware,
    /// Root image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Root>,
    /// Several systems over one kernel, each with a root of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub system: Vec<System>,
    /// The recovery system, where a source says `recovery = true`.
    pub recovery: Recovery,
    /// The toolbox, where a source says `toolbox = true`, and for `sealboot oci build`.
    pub toolbox: Toolbox,
    /// Initrd.
    pub initrd: Initrd,
    /// Unified Kernel Image.
    pub uki: Uki,
    /// How all images are written.
    pub image: Image,
    /// What a machine refuses.
    pub policy: Policy,
    /// Disk image.
    pub disk: Disk,
    /// Owner keys.
    pub keys: Keys,
}

/// `[kernel]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kernel {
    /// Where `boot/vmlinuz-<version>` and `usr/lib/modules/<version>` are found.
    pub source: Vec<Source>,
    /// Which one, when the source holds several: `6.12.107+deb13-amd64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// `[firmware]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Firmware {
    /// Where `usr/lib/firmware` is found; empty for no firmware image.
    pub source: Vec<Source>,
}

/// `[root]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Root {
    /// Layers of the root filesystem, lowest first.
    pub source: Vec<Source>,
    /// What is added to them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<Add>,
    /// `read-only`, or `overlay`: changes go to memory and are gone after a restart.
    pub mode: boot::Root,
    /// Program that becomes PID 1. When not set: the init that the root has (`/sbin/init`, systemd
    /// and others), else the command of the container image that it is made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// All of its environment, `NAME=value`. When empty: what the kernel or the container image
    /// gives it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
    /// Directory that it starts in. When not set: that of the container image, else `/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// User that it is, as a name or number, with a group if wanted: `app`, `1000:1000`. When not
    /// set: that of the container image, else root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// `[initrd]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Initrd {
    /// Modules to add to those that find and map images on any machine.
    pub modules: Vec<String>,
    /// zstd level, 1 to 19.
    pub level: i32,
}

/// `[uki]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Uki {
    /// Kernel command line, inside the signature.
    pub command_line: String,
    /// A file for `.osrel`, in the format of os-release(5). When not set, one is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_release: Option<PathBuf>,
    /// Processor microcode for `.ucode`: an uncompressed early cpio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub microcode: Option<PathBuf>,
    /// A private key, PKCS#8, that signs states of the TPM's PCR 11 (`.pcrpkey`, `.pcrsig`): what is sealed to it
    /// opens for every UKI that it signed for. With a passphrase, that of `--passphrase-file`, or asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pcr_key: Option<PathBuf>,
    /// The states that it signs: phases that the root measures (systemd-pcrphase.service(8)), joined by colons. The
    /// empty one is that in which the kernel starts; init measures none.
    pub pcr_phases: Vec<String>,
    /// Where systemd-stub is found.
    pub stub: Vec<Source>,
    /// Its path there.
    pub stub_path: String,
}

/// `[image]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Image {
    /// `zstd`, `xz`, `gzip`, `lz4`, or `none`. The kernel has to know it (`CONFIG_SQUASHFS_…`).
    pub compressor: Compressor,
    /// The compressor's level: zstd 1 to 22, xz 0 to 9, gzip 1 to 9; the others have none. When not
    /// set: 9, for xz 6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<i32>,
    /// squashfs block size in KiB: a power of two, 4 to 1024.
    pub block_size: u32,
    /// How much init verifies before it hands over: `full` or `as-read`.
    pub check: boot::Check,
}

/// `[policy]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// `required`: the release does not start while Secure Boot is off; or `optional`.
    pub secure_boot: boot::SecureBoot,
    /// `signed`: the kernel executes only what the release's images hold; or `any`. When not set:
    /// `signed` for the recovery root, `any` for a root of your own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execute: Option<boot::Execute>,
}

/// `[disk]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Disk {
    /// Room left on the boot partition, in MiB.
    pub free: u64,
    /// Name of the boot partition, at most 36 characters.
    pub partition_name: String,
    /// Label of its FAT volume, at most 11 characters.
    pub volume_label: String,
}

/// `[keys]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// Folder of the owner's keys.
    pub folder: PathBuf,
    /// A program that signs instead of the folder's `db.key`, with its arguments: it gets a SHA-256 digest
    /// on its standard input (32 bytes) and gives an RSA signature (PKCS#1 v1.5) on its output. Or one `pkcs11:`
    /// URI (RFC 7512): a token's key, asked by `sealboot-pkcs11`.
    pub sign_with: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "sealboot".to_owned(),
            version: None,
            debian: Debian::default(),
            alpine: Alpine::default(),
            oci: Oci::default(),
            kernel: Kernel::default(),
            firmware: Firmware::default(),
            root: Some(Root::default()),
            system: Vec::new(),
            recovery: Recovery::default(),
            toolbox: Toolbox::default(),
            initrd: Initrd::default(),
            uki: Uki::default(),
            image: Image::default(),
            policy: Policy::default(),
            disk: Disk::default(),
            keys: Keys::default(),
        }
    }
}

impl Default for Kernel {
    fn default() -> Self {
        let source = Source::debian(&["linux-image-amd64"], Follow::SameSource);
        Self {
            source: vec![source],
            version: None,
        }
    }
}

impl Default for Firmware {
    fn default() -> Self {
        // Wired network and storage. Wireless and graphics firmware is ten times as large;
        // screens work without it through the firmware's framebuffer.
        let packages = [
            "firmware-linux-free",
            "firmware-misc-nonfree",
            "firmware-bnx2",
            "firmware-bnx2x",
            "firmware-qlogic",
            "firmware-realtek",
        ];
        Self {
            source: vec![Source::debian(&packages, Follow::Nothing)],
        }
    }
}

impl Default for Root {
    fn default() -> Self {
        Self {
            source: vec![Source::recovery()],
            add: Vec::new(),
            mode: boot::Root::ReadOnly,
            init: None,
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: None,
            user: None,
        }
    }
}

impl Default for Initrd {
    fn default() -> Self {
        Self {
            modules: Vec::new(),
            level: artifact::initrd::DEFAULT_LEVEL,
        }
    }
}

impl Default for Uki {
    fn default() -> Self {
        Self {
            // The last console is where the kernel's own /dev/console goes: the screen. A kernel
            // that met a fault of its own restarts: what it says then is no longer to be trusted.
            command_line: "console=ttyS0,115200 console=tty0 panic=30 oops=panic loglevel=4"
                .to_owned(),
            os_release: None,
            microcode: None,
            pcr_key: None,
            pcr_phases: ["", "sysinit", "sysinit:ready"].map(str::to_owned).to_vec(),
            stub: vec![Source::debian(&["systemd-boot-efi"], Follow::Nothing)],
            stub_path: "usr/lib/systemd/boot/efi/linuxx64.efi.stub".to_owned(),
        }
    }
}

impl Default for Image {
    fn default() -> Self {
        Self {
            compressor: Compressor::Zstd,
            level: None,
            block_size: 128,
            check: boot::Check::Full,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            secure_boot: boot::SecureBoot::Optional,
            execute: None,
        }
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            free: 8,
            partition_name: esp::SLOT_A_NAME.to_owned(),
            volume_label: esp::SLOT_A_LABEL.to_owned(),
        }
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            folder: PathBuf::from("keys"),
            sign_with: Vec::new(),
        }
    }
}

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}
