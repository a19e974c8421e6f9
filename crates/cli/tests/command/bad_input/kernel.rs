//! The kernel and its modules.

use super::*;

#[test]
fn every_row() {
    check("Kernel", ROWS);
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("no kernel", |p| p.remove("kernel/boot"), "sealboot build", MISSING,
        &["kernel.source", "no kernel in the tree", "boot/vmlinuz-<version>"]),
    ("another kernel", |p| p.configure("[kernel]", "[kernel]\nversion = '7.0'"), "sealboot build", MISSING,
        &["kernel.source", "no kernel 7.0", "found only boot/vmlinuz-6.12.1-test"]),
    ("two kernels", |p| p.add_kernel("6.13"), "sealboot build", USAGE,
        &["kernel.source", "several kernels", "6.12.1-test, 6.13", "kernel.version"]),
    ("a kernel without EFI stub", |p| p.write(&format!("kernel/boot/vmlinuz-{VERSION}"), "\x7fELF"), "sealboot build", REFUSED,
        &["boot/vmlinuz-6.12.1-test cannot be used", "CONFIG_EFI_STUB=y"]),
    ("a kernel too large", |p| cut(p, &format!("kernel/boot/vmlinuz-{VERSION}"), 600 << 20), "sealboot build", REFUSED,
        &["boot/vmlinuz-6.12.1-test", "is 629145600 bytes", "at most 536870912"]),
    ("a kernel without modules", |p| p.remove(&format!("kernel/usr/lib/modules/{VERSION}/kernel")), "sealboot build", MISSING,
        &["there are no modules in usr/lib/modules/6.12.1-test"]),
    ("a module that is none", |p| p.write(&format!("kernel/usr/lib/modules/{VERSION}/kernel/two.ko"), "x"), "sealboot build", REFUSED,
        &["two.ko cannot be used"]),
    ("a kernel that cannot map images", |p| p.write(&format!("kernel/usr/lib/modules/{VERSION}/modules.builtin"), "kernel/loop.ko\n"), "sealboot build", MISSING,
        &["kernel 6.12.1-test", "dm_verity", "squashfs", "modules.builtin"]),
    ("a module that the kernel has not", |p| p.configure("[initrd]", "[initrd]\nmodules = ['one', 'tow']"), "sealboot build", MISSING,
        &["initrd.modules", "\"tow\"", "6.12.1-test"]),
    ("a packed module that is none", |p| module(p, "two.ko.xz", b"\xfd7zXZ\0garbage"), "sealboot build", REFUSED,
        &["two.ko.xz"]),
    ("a cut module", |p| { let packed = packed_module(); module(p, "two.ko.xz", &packed[..packed.len() - 20]); }, "sealboot build", REFUSED,
        &["two.ko.xz"]),
    ("an altered module", |p| { let mut packed = packed_module(); let half = packed.len() / 2; packed[half] ^= 1; module(p, "two.ko.xz", &packed); }, "sealboot build", REFUSED,
        &["two.ko.xz"]),
    ("a packed file that is no module", |p| module(p, "two.ko.xz", &crate::fixture::xz(b"text")), "sealboot build", REFUSED,
        &["two.ko.xz"]),
    ("an altered module of another packing", |p| module(p, "two.ko.zst", b"\x28\xb5\x2f\xfdgarbage"), "sealboot build", REFUSED,
        &["two.ko.zst"]),
    ("a cut kernel", |p| cut(p, &format!("kernel/boot/vmlinuz-{VERSION}"), 0x300), "sealboot build", REFUSED,
        &["boot/vmlinuz-6.12.1-test"]),
    ("an empty kernel", |p| cut(p, &format!("kernel/boot/vmlinuz-{VERSION}"), 0), "sealboot build", REFUSED,
        &["boot/vmlinuz-6.12.1-test"]),
];

fn module(place: &Place, name: &str, bytes: &[u8]) {
    let path = format!("kernel/usr/lib/modules/{VERSION}/kernel/{name}");
    place.write(&path, bytes);
}

fn packed_module() -> Vec<u8> {
    let place = Place::new();
    let path = format!("kernel/usr/lib/modules/{VERSION}/kernel/one.ko");
    crate::fixture::xz(&fs::read(place.path(&path)).unwrap())
}
