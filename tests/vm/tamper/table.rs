//! The rows of the tamper matrix.

use super::change::At::{Byte, End, Middle};
use super::change::Change::{self, CutDisk, Flip, RollBack, Swap, Truncate, Zero};
use super::place::Structure::{self, *};
use super::place::UKI;

/// One change to one structure of a release's disk.
pub struct Row {
    pub structure: Structure,
    /// What the structure is called.
    pub name: &'static str,
    pub change: Change,
    /// The change in words.
    pub words: &'static str,
    pub machine: Machine,
}

/// What a machine does with the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// Firmware refuses the UKI's signature.
    FirmwareRefuses,
    /// Firmware finds nothing to start, or cannot read it.
    FirmwareFindsNothing,
    /// init says that it stops, then these words, in order, and does not hand over.
    InitStops(&'static [&'static str]),
    /// The first screen comes, with the same root hashes.
    Same,
    /// The first screen of the older release comes, with that one's root hashes.
    Older,
    /// Not tried: another row stands for it.
    NotTried,
}

use Machine::{FirmwareFindsNothing, FirmwareRefuses, InitStops, NotTried, Older, Same};

const fn row(
    structure: Structure,
    name: &'static str,
    change: Change,
    words: &'static str,
    machine: Machine,
) -> Row {
    Row {
        structure,
        name,
        change,
        words,
        machine,
    }
}

const FLIP: &str = "a bit flipped";
const SIGN: &str = "a bit of the signature flipped";
const ZERO: &str = "a sector zeroed";
const SWAP: &str = "that of another signed release";
const BACK: &str = "rolled back to an older release's";

const MODULES: &str = "sealboot/modules.squashfs";
const ROOT: &str = "sealboot/root.squashfs";
const ROOT_HASH: &str = "sealboot/root.roothash";
const ROOT_SIGNATURE: &str = "sealboot/root.roothash.p7s";
const MANIFEST: &str = "sealboot/release.json";
const MANIFEST_SIGNATURE: &str = "sealboot/release.json.p7s";
const POLICY: &str = "sealboot/release.policy.p7b";

/// All that a release has on a boot partition.
const WHOLE: &[&str] = &[
    UKI,
    MODULES,
    "sealboot/modules.roothash",
    "sealboot/modules.roothash.p7s",
    "sealboot/firmware.squashfs",
    "sealboot/firmware.roothash",
    "sealboot/firmware.roothash.p7s",
    ROOT,
    ROOT_HASH,
    ROOT_SIGNATURE,
    MANIFEST,
    MANIFEST_SIGNATURE,
    POLICY,
];

pub const ROWS: &[Row] = &[
    // The partition table.
    row(
        ProtectiveMbr,
        "protective MBR",
        Flip(Byte(450)),
        FLIP,
        FirmwareFindsNothing,
    ),
    row(ProtectiveMbr, "protective MBR", Zero, ZERO, NotTried),
    row(
        PrimaryHeader,
        "primary GPT header",
        Flip(Byte(72)),
        FLIP,
        NotTried,
    ),
    row(PrimaryHeader, "primary GPT header", Zero, ZERO, Same),
    row(PrimaryHeader, "primary GPT header", Swap, SWAP, NotTried),
    row(
        PrimaryEntries,
        "primary GPT entries",
        Flip(Byte(32)),
        FLIP,
        Same,
    ),
    row(PrimaryEntries, "primary GPT entries", Zero, ZERO, NotTried),
    row(
        BackupEntries,
        "backup GPT entries",
        Flip(Byte(32)),
        FLIP,
        NotTried,
    ),
    row(BackupEntries, "backup GPT entries", Zero, ZERO, NotTried),
    row(
        BackupHeader,
        "backup GPT header",
        Flip(Byte(24)),
        FLIP,
        NotTried,
    ),
    row(BackupHeader, "backup GPT header", Zero, ZERO, Same),
    row(
        BackupHeader,
        "backup GPT header",
        CutDisk,
        "the disk cut off before it",
        NotTried,
    ),
    // The filesystem.
    row(
        BootSector,
        "FAT boot sector",
        Flip(Byte(13)),
        FLIP,
        NotTried,
    ),
    row(
        BootSector,
        "FAT boot sector",
        Zero,
        ZERO,
        FirmwareFindsNothing,
    ),
    row(
        BackupBootSector,
        "FAT backup boot sector",
        Flip(Byte(13)),
        FLIP,
        NotTried,
    ),
    row(BackupBootSector, "FAT backup boot sector", Zero, ZERO, Same),
    row(FsInfo, "FAT FSInfo", Flip(Byte(488)), FLIP, NotTried),
    row(FsInfo, "FAT FSInfo", Zero, ZERO, NotTried),
    row(
        Fat(0),
        "FAT 1",
        Flip(Byte(4 * 40)),
        FLIP,
        FirmwareFindsNothing,
    ),
    row(Fat(0), "FAT 1", Zero, ZERO, NotTried),
    row(Fat(1), "FAT 2", Flip(Byte(4 * 40)), FLIP, NotTried),
    row(Fat(1), "FAT 2", Zero, ZERO, Same),
    row(
        Entry("EFI"),
        "root directory, entry of EFI",
        Flip(Byte(0)),
        FLIP,
        NotTried,
    ),
    row(
        Entry("sealboot"),
        "root directory, entry of sealboot",
        Flip(Byte(0)),
        FLIP,
        InitStops(&["release.json"]),
    ),
    row(
        Entry(UKI),
        "subdirectory, entry of the UKI",
        Flip(Byte(0)),
        FLIP,
        FirmwareFindsNothing,
    ),
    row(
        Entry(UKI),
        "subdirectory, entry of the UKI",
        Zero,
        "the entry zeroed",
        NotTried,
    ),
    row(
        Entry(ROOT),
        "subdirectory, entry of root.squashfs",
        Flip(Byte(28)),
        FLIP,
        NotTried,
    ),
    // The UKI.
    row(DosHeader, "UKI, DOS header", Flip(Byte(2)), FLIP, NotTried),
    row(
        DosHeader,
        "UKI, DOS header",
        Zero,
        ZERO,
        FirmwareFindsNothing,
    ),
    row(PeHeader, "UKI, PE header", Flip(Byte(4)), FLIP, NotTried),
    row(
        SectionTable,
        "UKI, section table",
        Flip(Byte(8)),
        FLIP,
        FirmwareRefuses,
    ),
    row(
        Section(".text"),
        "UKI, .text of the stub",
        Flip(Middle),
        FLIP,
        NotTried,
    ),
    row(
        Section(".osrel"),
        "UKI, .osrel",
        Flip(Middle),
        FLIP,
        NotTried,
    ),
    row(Section(".osrel"), "UKI, .osrel", Swap, SWAP, NotTried),
    row(
        Section(".cmdline"),
        "UKI, .cmdline",
        Flip(Middle),
        FLIP,
        FirmwareRefuses,
    ),
    row(
        Section(".cmdline"),
        "UKI, .cmdline",
        Zero,
        "zeroed",
        NotTried,
    ),
    row(
        Section(".uname"),
        "UKI, .uname",
        Flip(Middle),
        FLIP,
        NotTried,
    ),
    row(Section(".sbat"), "UKI, .sbat", Flip(Middle), FLIP, NotTried),
    row(
        Section(".initrd"),
        "UKI, .initrd",
        Flip(Middle),
        FLIP,
        NotTried,
    ),
    row(Section(".initrd"), "UKI, .initrd", Zero, ZERO, NotTried),
    row(
        Section(".initrd"),
        "UKI, .initrd",
        Swap,
        SWAP,
        FirmwareRefuses,
    ),
    row(
        Section(".linux"),
        "UKI, .linux",
        Flip(Middle),
        FLIP,
        FirmwareRefuses,
    ),
    row(
        Signature,
        "UKI, certificate table",
        Flip(End(20)),
        SIGN,
        FirmwareRefuses,
    ),
    row(Signature, "UKI, certificate table", Zero, ZERO, NotTried),
    row(
        Signature,
        "UKI, certificate table",
        Swap,
        SWAP,
        FirmwareRefuses,
    ),
    row(
        File(UKI),
        "UKI",
        Truncate(4096),
        "cut short",
        FirmwareRefuses,
    ),
    row(
        File(UKI),
        "UKI",
        RollBack(&[UKI]),
        BACK,
        InitStops(&["release.json"]),
    ),
    // The images.
    row(
        Superblock("modules"),
        "modules, superblock",
        Flip(Byte(8)),
        FLIP,
        NotTried,
    ),
    row(
        Inodes("modules"),
        "modules, inode table",
        Flip(Middle),
        FLIP,
        InitStops(&["modules.squashfs"]),
    ),
    row(
        Data("modules"),
        "modules, data",
        Flip(Middle),
        FLIP,
        NotTried,
    ),
    row(
        Data("modules"),
        "modules, padding behind the data",
        Flip(End(1)),
        FLIP,
        NotTried,
    ),
    row(
        HashTree("modules"),
        "modules, hash tree",
        Flip(Middle),
        FLIP,
        InitStops(&["modules.squashfs"]),
    ),
    row(
        VeritySuperblock("modules"),
        "modules, dm-verity superblock",
        Flip(Byte(72)),
        FLIP,
        NotTried,
    ),
    row(
        File(MODULES),
        "modules",
        Truncate(4096),
        "cut short",
        InitStops(&["modules.squashfs", "wrong size"]),
    ),
    row(
        File("sealboot/modules.roothash"),
        "modules.roothash",
        Flip(Middle),
        FLIP,
        NotTried,
    ),
    row(
        File("sealboot/modules.roothash.p7s"),
        "modules.roothash.p7s",
        Flip(End(20)),
        SIGN,
        InitStops(&["modules.squashfs cannot be mapped"]),
    ),
    row(
        Superblock("firmware"),
        "firmware, superblock",
        Flip(Byte(40)),
        FLIP,
        NotTried,
    ),
    row(
        Inodes("firmware"),
        "firmware, inode table",
        Flip(Middle),
        FLIP,
        NotTried,
    ),
    row(
        Data("firmware"),
        "firmware, data",
        Flip(Middle),
        FLIP,
        InitStops(&["firmware.squashfs"]),
    ),
    row(
        HashTree("firmware"),
        "firmware, hash tree",
        Zero,
        ZERO,
        NotTried,
    ),
    row(
        VeritySuperblock("firmware"),
        "firmware, dm-verity superblock",
        Zero,
        ZERO,
        NotTried,
    ),
    row(
        File("sealboot/firmware.roothash.p7s"),
        "firmware.roothash.p7s",
        Zero,
        ZERO,
        NotTried,
    ),
    row(
        Superblock("root"),
        "root, superblock",
        Zero,
        ZERO,
        InitStops(&["root.squashfs"]),
    ),
    row(
        Inodes("root"),
        "root, inode table",
        Flip(Middle),
        FLIP,
        NotTried,
    ),
    row(Data("root"), "root, data", Zero, ZERO, NotTried),
    row(Data("root"), "root, data", Flip(Middle), FLIP, NotTried),
    row(
        Data("root"),
        "root, data",
        Swap,
        SWAP,
        InitStops(&["root.squashfs"]),
    ),
    row(
        HashTree("root"),
        "root, top of the hash tree",
        Flip(Byte(0)),
        FLIP,
        InitStops(&["root.squashfs"]),
    ),
    row(
        HashTree("root"),
        "root, padding of the hash tree",
        Flip(End(1)),
        FLIP,
        NotTried,
    ),
    row(HashTree("root"), "root, hash tree", Swap, SWAP, NotTried),
    row(
        VeritySuperblock("root"),
        "root, dm-verity superblock",
        Flip(Byte(100)),
        FLIP,
        Same,
    ),
    row(
        VerityPadding("root"),
        "root, padding of the dm-verity superblock",
        Flip(Middle),
        FLIP,
        NotTried,
    ),
    row(File(ROOT_HASH), "root.roothash", Flip(Middle), FLIP, Same),
    row(
        File(ROOT_HASH),
        "root.roothash",
        RollBack(&[ROOT_HASH]),
        BACK,
        NotTried,
    ),
    row(
        File(ROOT_SIGNATURE),
        "root.roothash.p7s",
        Truncate(100),
        "cut short",
        NotTried,
    ),
    row(
        File(ROOT_SIGNATURE),
        "root.roothash.p7s",
        RollBack(&[ROOT_SIGNATURE]),
        BACK,
        InitStops(&["signature", "root"]),
    ),
    row(File(ROOT), "root", Truncate(4096), "cut short", NotTried),
    row(
        File(ROOT),
        "root with its root hash and signature",
        RollBack(&[ROOT, ROOT_HASH, ROOT_SIGNATURE]),
        BACK,
        InitStops(&["root.squashfs"]),
    ),
    // The manifest.
    row(
        File(MANIFEST),
        "release.json",
        Flip(Middle),
        FLIP,
        InitStops(&["release.json"]),
    ),
    row(
        File(MANIFEST),
        "release.json",
        Truncate(1),
        "cut short",
        NotTried,
    ),
    row(
        File(MANIFEST),
        "release.json with its signature",
        RollBack(&[MANIFEST, MANIFEST_SIGNATURE]),
        BACK,
        InitStops(&["release.json"]),
    ),
    row(
        File(MANIFEST_SIGNATURE),
        "release.json.p7s",
        Flip(End(20)),
        SIGN,
        Same,
    ),
    row(
        File(MANIFEST_SIGNATURE),
        "release.json.p7s",
        Zero,
        ZERO,
        NotTried,
    ),
    row(
        File(POLICY),
        "release.policy.p7b",
        Flip(End(20)),
        SIGN,
        InitStops(&["the kernel does not accept the execution policy"]),
    ),
    row(
        File(POLICY),
        "release.policy.p7b",
        Flip(Middle),
        FLIP,
        NotTried,
    ),
    row(
        File(POLICY),
        "release.policy.p7b",
        RollBack(&[POLICY]),
        BACK,
        InitStops(&["the execution policy on the disk is another release's"]),
    ),
    // Enrolment material.
    row(
        File("keys/db.cer"),
        "keys/db.cer",
        Flip(Middle),
        FLIP,
        NotTried,
    ),
    row(
        File("keys/KEK.auth"),
        "keys/KEK.auth",
        Flip(Byte(1000)),
        FLIP,
        NotTried,
    ),
    // Everything at once.
    row(File(UKI), "the whole release", RollBack(WHOLE), BACK, Older),
    // What belongs to nobody.
    row(
        Slack(MANIFEST),
        "slack behind release.json",
        Flip(Middle),
        FLIP,
        Same,
    ),
    row(FreeCluster, "a free cluster", Flip(Middle), FLIP, NotTried),
];
