//! The execution policy of a release ([`crate::boot::Execute::Signed`]): a policy of the kernel's
//! IPE security module (kernel: `Documentation/admin-guide/LSM/ipe.rst`, "Policy").
//!
//! The builder writes and signs it, it lies beside the images ([`crate::esp::policy_file`]), init makes the
//! kernel enforce it before the root's init starts, and status asks the kernel about it. Its
//! text follows from the manifest: verifying it is writing it once more, which init does, too, with the
//! pinned one. So the file may come from an untrusted disk.
//!
//! Everything is denied that no row of [`ALLOWED`] allows: execution, modules and firmware from
//! elsewhere; every kernel and initrd for kexec; IMA policies and certificates; and whatever
//! operation a later kernel adds. Files are known by the root hash of the dm-verity device that
//! they are on, not by its signature: so an image of an older release, validly signed, does not
//! count. The initrd does not count either: when the policy comes into force nothing has to start
//! from it any more, and it is memory that root could write to.

use crate::manifest::{ImageName, Manifest};

/// Its name, which is that of its folder below [`POLICIES`].
pub const NAME: &str = "sealboot";

/// Where securityfs is mounted; it stays mounted for the running system.
pub const SECURITYFS: &str = "/sys/kernel/security";

/// Takes a signed policy, in one write.
pub const NEW_POLICY: &str = "/sys/kernel/security/ipe/new_policy";

/// `1` when the active policy is enforced, `0` when it is only reported on.
pub const ENFORCE: &str = "/sys/kernel/security/ipe/enforce";

/// `1` when what the policy allows is reported, too.
pub const SUCCESS_AUDIT: &str = "/sys/kernel/security/ipe/success_audit";

/// A folder for every policy that the kernel accepted.
pub const POLICIES: &str = "/sys/kernel/security/ipe/policies";

/// The text of the policy [`NAME`], as the kernel took it.
pub const TEXT: &str = "/sys/kernel/security/ipe/policies/sealboot/policy";

/// `1` when the policy [`NAME`] is the one that counts. Other policies have such a file, too.
pub const ACTIVE: &str = "/sys/kernel/security/ipe/policies/sealboot/active";

/// Version of the policy's form. The kernel keeps nothing from one boot to the next to compare it
/// with.
const VERSION: &str = "1.0.0";

/// What a file may be used for, and the images that it may be on.
const ALLOWED: &[(&str, &[ImageName])] = &[
    // execve(2), and mmap(2) and mprotect(2) with PROT_EXEC.
    ("EXECUTE", &[ImageName::Root]),
    ("KMODULE", &[ImageName::Modules, ImageName::Root]),
    ("FIRMWARE", &[ImageName::Firmware, ImageName::Root]),
];

/// The policy of a release: to be signed with its content attached.
pub fn text(manifest: &Manifest) -> String {
    let mut text = format!("policy_name={NAME} policy_version={VERSION}\nDEFAULT action=DENY\n");
    for (operation, images) in ALLOWED {
        for image in images.iter().filter_map(|name| manifest.image(*name)) {
            let hash = image.root_hash.to_ascii_lowercase();
            text += &format!("op={operation} dmverity_roothash=sha256:{hash} action=ALLOW\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::manifest::Image;

    use super::*;

    fn manifest(images: &[(ImageName, &str)]) -> Manifest {
        let image = |(name, digit): &(ImageName, &str)| Image {
            name: *name,
            file: format!("{name}.squashfs"),
            size: 16384,
            data_size: 8192,
            hash_offset: 8192,
            salt: String::new(),
            root_hash: digit.repeat(64),
        };
        Manifest {
            version: "1".to_owned(),
            system: None,
            kernel: "6.12".to_owned(),
            images: images.iter().map(image).collect(),
            policy: None,
            sources: Vec::new(),
        }
    }

    #[test]
    fn each_use_has_its_images() {
        let all = [
            (ImageName::Modules, "A"),
            (ImageName::Firmware, "b"),
            (ImageName::Root, "c"),
        ];
        let (a, b, c) = ("a".repeat(64), "b".repeat(64), "c".repeat(64));
        let expected = format!(
            "policy_name=sealboot policy_version=1.0.0\n\
             DEFAULT action=DENY\n\
             op=EXECUTE dmverity_roothash=sha256:{c} action=ALLOW\n\
             op=KMODULE dmverity_roothash=sha256:{a} action=ALLOW\n\
             op=KMODULE dmverity_roothash=sha256:{c} action=ALLOW\n\
             op=FIRMWARE dmverity_roothash=sha256:{b} action=ALLOW\n\
             op=FIRMWARE dmverity_roothash=sha256:{c} action=ALLOW\n"
        );
        assert_eq!(text(&manifest(&all)), expected);
    }

    #[test]
    fn an_image_that_is_not_there_allows_nothing() {
        let text = text(&manifest(&[(ImageName::Root, "c")]));
        assert_eq!(text.matches("action=ALLOW").count(), 3, "{text}");
    }
}
