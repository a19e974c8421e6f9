//! The execution policy of a release ([`crate::boot::Execute::Signed`]): a policy of the kernel's
//! IPE security module (kernel: `Documentation/admin-guide/LSM/ipe.rst`).
//!
//! The builder writes and signs it, it lies in the initrd ([`crate::esp::POLICY`]), init makes the
//! kernel enforce it before the root's init starts, and status asks the kernel about it.

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

/// `1` when the policy [`NAME`] is the one that counts. Other policies have such a file, too.
pub const ACTIVE: &str = "/sys/kernel/security/ipe/policies/sealboot/active";
