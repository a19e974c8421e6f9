//! Why each check must hold, and what would happen if nobody checked it.

use super::{BLOCKS, SIGNED};

const POLICY: &str =
    "The kernel takes an execution policy only when a certificate in db signed it (IPE).";

const ALLOWS: &str = "A policy with another root hash in it would let other files be executed.";

const TABLE: &str = "Firmware finds the boot partition by this table. It is not signed: all that it can do wrong is that \
         nothing is found, or another volume, whose programs firmware then verifies.";

const FILE_SYSTEM: &str = "The file system is not signed. Damage in it makes files come out wrong, which their signatures and hashes \
         tell; it cannot make others come out right.";

/// A part of an object's name, the start of a check's; why. The first row that fits counts.
const ROWS: &[(&str, &str, &str)] = &[
    (
        ".roothash.p7s",
        SIGNED,
        "The kernel maps an image only with a signature of its root hash by a certificate in db \
         (dm-verity, require_signatures), whatever asks it to.",
    ),
    (
        ".json.p7s",
        SIGNED,
        "Who downloads a release can see whose it is before a machine starts it. init does not need it: the \
         manifest that it goes by is inside of the UKI.",
    ),
    (".p7b", SIGNED, POLICY),
    (
        "",
        SIGNED,
        "Firmware computes the Authenticode digest of the whole program and starts it only when a certificate in \
         db vouches for a signature of that digest (UEFI 2.10, section 32.5.3).",
    ),
    (
        "",
        "not revoked by dbx",
        "Firmware looks into dbx first: what is there does not start, whoever signed it (UEFI 2.10, section \
         32.5.3.3).",
    ),
    (
        "",
        "its sections lie as PE",
        "systemd-stub finds sections by their names, firmware by their addresses. Where two overlap or have one \
         name, what was signed could be read in two ways.",
    ),
    (
        "",
        "its SBAT",
        "shim, where a machine has one, refuses programs that do not say their generation. Firmware does not look.",
    ),
    (
        "",
        "no component is below",
        "shim refuses what is below the level that it was told, whoever signed it.",
    ),
    (
        "",
        "pins a manifest",
        "The initrd is a part of the signed UKI. The manifest in it names the root hash of every image, so that \
         the UKI's signature covers them, too.",
    ),
    (
        "",
        "its kernel version",
        "Boot menus show it. Modules are those of the manifest's kernel.",
    ),
    (
        "",
        "its command line",
        "init stops when the kernel was given another command line than the one that was signed.",
    ),
    (
        "",
        "execution policy as",
        "init asks the kernel to execute nothing but files of verified images, when the release says so.",
    ),
    ("", "allows the manifest's", ALLOWS),
    ("", "what it allows", ALLOWS),
    (
        "",
        "the copy that the UKI pins",
        "init goes by the copy in the UKI. A changed one beside the images deceives people and tools only.",
    ),
    (
        "",
        "a manifest",
        "Who downloads a release can see what is in it.",
    ),
    (
        "",
        "size",
        "What lies behind the hash tree is covered by nothing.",
    ),
    (
        "",
        "superblock as",
        "init sets up dm-verity by what the manifest says. Another superblock deceives other tools only.",
    ),
    (
        "",
        "hash tree against",
        "The root hash is the hash of the tree's highest block, and each block of the tree has the hashes of those \
         below: no block can be exchanged without changing the root hash.",
    ),
    (
        "",
        BLOCKS,
        "The kernel hashes each block when it is read, and gives an error where the tree has another hash.",
    ),
    (
        "",
        "the manifest's root hash",
        "What is signed for the kernel is this file; init hands over the manifest's root hash.",
    ),
    (
        "",
        "squashfs with a hash tree",
        "Without a hash tree nothing says what the bytes of an image should be.",
    ),
    (
        "",
        "every block",
        "The root hash is what each block is compared with.",
    ),
    (
        "",
        "there",
        "Without it a machine does not start, or nothing vouches for what does.",
    ),
    (
        "images",
        "",
        "What runs is in the images; the manifest that a signed UKI pins says which they are.",
    ),
    ("execution policy", "signed", POLICY),
    (
        "",
        "of the system that",
        "A boot menu shows the file's name. What starts must be the system that was chosen.",
    ),
    (
        "",
        "a copy of",
        "Firmware starts this one when nobody chooses; it is the first system's.",
    ),
    (
        "MBR",
        "",
        "It keeps old tools from taking the disk for an empty one.",
    ),
    (
        "partitions",
        "",
        "Firmware starts programs from a partition of the type EFI system partition (UEFI 2.10, section 13.3.3).",
    ),
    (
        "",
        "no part of the release",
        "Nothing starts it, and no signature covers it. It may be there by mistake, or to be found by somebody.",
    ),
    (
        "",
        "on the boot partition",
        "Firmware and init read the release from a FAT volume.",
    ),
    (
        "",
        "the owner's certificate",
        "An owner enrols it by hand from here. A stranger's would make a stranger the machine's owner.",
    ),
    (
        "",
        "enrols it",
        "A machine in setup mode takes it without asking. It must not bring anybody else's certificate.",
    ),
    (
        "",
        "a certificate of the owner",
        "What it signs starts on the owner's machines where it is enrolled.",
    ),
    (
        "",
        "signed by itself",
        "It is the start of a chain: nobody above it vouches for it. Its own signature shows that it is whole.",
    ),
    (
        "",
        "lists the owner's",
        "Whatever is listed can sign what firmware starts, or change such a list.",
    ),
    (
        "",
        "the same release as",
        "What is on the disk is what was looked at in the folder.",
    ),
    ("", "can be read", "What cannot be read cannot be verified."),
    ("", "readable", "What cannot be read cannot be verified."),
    ("GPT", "", TABLE),
    ("partition table", "", TABLE),
    ("FAT", "", FILE_SYSTEM),
];

/// Why a check of an object must hold.
pub(crate) fn because(object: &str, check: &str) -> &'static str {
    let fits = |row: &&(&str, &str, &str)| object.contains(row.0) && check.starts_with(row.1);
    let found = ROWS.iter().find(fits);
    debug_assert!(found.is_some(), "no reason for {object}: {check}");
    found.map_or("", |(_, _, reason)| reason)
}
