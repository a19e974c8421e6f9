//! Names on the boot partition and in the initrd.

use uguid::{Guid, guid};

/// GPT partition type of an EFI system partition (UEFI 2.10, section 5.3.3, table 5.7).
pub const PARTITION_TYPE: Guid = guid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");

/// GPT partition name of the first boot slot.
pub const SLOT_A_NAME: &str = "sealboot-a";

/// FAT volume label of the first boot slot: at most 11 characters.
pub const SLOT_A_LABEL: &str = "SEALBOOT-A";

/// Where firmware looks on a disk that it has no boot entry for (UEFI 2.10, section 3.5.1.1).
pub const UKI: &str = "EFI/BOOT/BOOTX64.EFI";

/// Folder of the manifest and the images.
pub const RELEASE: &str = "sealboot";

/// Folder of the certificates and signed variables, for enrolment by hand.
pub const KEYS: &str = "keys";

/// The manifest's file name: on the boot partition in [`RELEASE`], in the initrd at the top.
pub const MANIFEST: &str = "release.json";

/// File name of the manifest's signature.
pub const MANIFEST_SIGNATURE: &str = "release.json.p7s";

/// File name of [`crate::boot::Boot`] in the initrd, at the top.
pub const BOOT: &str = "boot.json";

/// File name of the signed execution policy in the initrd, at the top: PKCS#7 with the policy
/// inside ([`crate::policy`]). There when [`crate::boot::Execute::Signed`] is set.
pub const POLICY: &str = "ipe-policy.p7b";

/// File name of an image.
pub fn image_file(image: &str) -> String {
    format!("{image}.squashfs")
}

/// File name of an image's root hash in hex, without a newline.
pub fn root_hash_file(image: &str) -> String {
    format!("{image}.roothash")
}

/// File name of the PKCS#7 signature of an image's root hash.
pub fn signature_file(image: &str) -> String {
    format!("{image}.roothash.p7s")
}
