//! Names on the boot partition and in the initrd.

use uguid::{Guid, guid};

/// GPT partition type of an EFI system partition (UEFI 2.10, section 5.3.3, table 5.7).
pub const PARTITION_TYPE: Guid = guid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");

/// GPT partition name of the first boot slot.
pub const SLOT_A_NAME: &str = "sealboot-a";

/// FAT volume label of the first boot slot: at most 11 characters.
pub const SLOT_A_LABEL: &str = "SEALBOOT-A";

/// Where firmware looks on a disk that it has no boot entry for (UEFI 2.10, section 3.5.1.1). Of
/// several systems ([`crate::system`]) the first is there.
pub const UKI: &str = "EFI/BOOT/BOOTX64.EFI";

/// Folder of the UKIs of several systems (UAPI group, boot loader specification, type 2).
pub const UKIS: &str = "EFI/Linux";

/// Folder of the manifest and the images.
pub const RELEASE: &str = "sealboot";

/// Folder of the certificates and signed variables, for enrolment by hand.
pub const KEYS: &str = "keys";

/// The manifest's file name: on the boot partition in [`RELEASE`], unless the release has several
/// systems ([`manifest_file`]), in the initrd at the top.
pub const MANIFEST: &str = "release.json";

/// File name of the manifest's signature, under the same condition.
pub const MANIFEST_SIGNATURE: &str = "release.json.p7s";

/// What [`MANIFEST`] starts with.
const RELEASE_STEM: &str = "release";

/// What a manifest's file name ends with.
pub const MANIFEST_END: &str = ".json";

/// What a UKI's file name ends with.
pub const UKI_END: &str = ".efi";

/// What an image's file name ends with.
const IMAGE_END: &str = ".squashfs";

/// File name of [`crate::boot::Boot`] in the initrd, at the top.
pub const BOOT: &str = "boot.json";

/// File name of the manifest of a system, or of the release when it has one only.
pub fn manifest_file(system: Option<&str>) -> String {
    match system {
        None => MANIFEST.to_owned(),
        Some(name) => format!("{name}{MANIFEST_END}"),
    }
}

/// File name of that manifest's signature.
pub fn manifest_signature_file(system: Option<&str>) -> String {
    format!("{}.p7s", manifest_file(system))
}

/// File name of that manifest's signed execution policy, when it names one: PKCS#7 with the policy inside
/// ([`crate::policy`]).
pub fn policy_file(system: Option<&str>) -> String {
    format!("{}.policy.p7b", system.unwrap_or(RELEASE_STEM))
}

/// Path of the UKI of a system, or of the release when it has one only.
pub fn uki(system: Option<&str>) -> String {
    match system {
        None => UKI.to_owned(),
        Some(name) => format!("{UKIS}/{name}{UKI_END}"),
    }
}

/// What the names of an image's files start with: its own name, but for the root of one of several
/// systems.
pub fn image_stem(file: &str) -> &str {
    file.strip_suffix(IMAGE_END).unwrap_or(file)
}

/// File name of an image.
pub fn image_file(stem: &str) -> String {
    format!("{stem}{IMAGE_END}")
}

/// File name of an image's root hash in hex, without a newline.
pub fn root_hash_file(stem: &str) -> String {
    format!("{stem}.roothash")
}

/// File name of the PKCS#7 signature of an image's root hash.
pub fn signature_file(stem: &str) -> String {
    format!("{stem}.roothash.p7s")
}
