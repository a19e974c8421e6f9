//! Modules that init loads by name, before it looks at the hardware. The initrd holds them (or
//! the kernel has them built in), with their dependencies.

/// Without these no image can be found, checked and mounted: their absence stops the boot.
/// `nls_cp437` and `nls_ascii` are what vfat asks for with the options that init mounts with.
pub const REQUIRED: &[&str] = &[
    "efivarfs",
    "loop",
    "dm_verity",
    "squashfs",
    "vfat",
    "nls_cp437",
    "nls_ascii",
];

/// Needed too when [`crate::boot::Root::Overlay`] is set.
pub const OVERLAY: &str = "overlay";

/// Loaded when there: faster hashing for dm-verity on kernels where no alias brings it; and what
/// keeps the end of the log of a kernel that stops.
pub const HELPFUL: &[&str] = &["sha256_ssse3", "efi_pstore"];

/// Where the modules and their indexes (`modules.dep`, `modules.alias`, `modules.softdep`,
/// `modules.builtin`, as depmod writes them) are, in the initrd and in the modules image's place.
/// In the initrd the module files are not compressed: `.ko`.
pub fn folder(kernel: &str) -> String {
    format!("usr/lib/modules/{kernel}")
}
