//! Root, firmware and UKI.

use super::*;

#[test]
fn every_row() {
    check("Root, firmware, UKI", ROWS);
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("root without init", |p| { p.remove("root/sbin/init"); p.write("root/etc/x", ""); }, "sealboot build", MISSING,
        &["root.source has no init (/sbin/init, ", "no container image", "root.init says which"]),
    ("an init that leads nowhere", |p| { p.remove("root/sbin/init"); symlink("/lib/absent", p.path("root/sbin/init")).unwrap(); }, "sealboot build", MISSING,
        &["root.init", "/sbin/init"]),
    ("an init that cannot run", |p| p.mode("root/sbin/init", 0o644), "sealboot build", REFUSED,
        &["root.init", "/sbin/init", "mode 644", "chmod"]),
    ("root.init that is not there", |p| p.configure("[root]", "[root]\ninit = '/usr/lib/systemd/systemd'"), "sealboot build", MISSING,
        &["/usr/lib/systemd/systemd cannot become PID 1", "root.init", "does not have"]),
    ("a user whom the root does not know", |p| p.configure("[root]", "[root]\nuser = 'app'"), "sealboot build", MISSING,
        &["etc/passwd has no user \"app\"", "root.user"]),
    ("an added file that is not there", |p| p.configure("[initrd]", "[[root.add]]\npath = '/etc/x'\nsource = 'absent'\n[initrd]"), "sealboot build", MISSING,
        &["root.add, entry 1, /etc/x", "cannot read absent", "No such file"]),
    ("an added file that is no file", |p| p.configure("[initrd]", "[[root.add]]\npath = '/etc/x'\nsource = '/dev/null'\n[initrd]"), "sealboot build", REFUSED,
        &["root.add, entry 1, /etc/x", "/dev/null is neither a file nor a directory"]),
    ("an added file below a file", |p| p.configure("[initrd]", "[[root.add]]\npath = '/sbin/init/x'\ncontent = 'y'\n[initrd]"), "sealboot build", REFUSED,
        &["root.add, entry 1, /sbin/init/x", "not a directory"]),
    ("an added file of nobody's", |p| p.configure("[initrd]", "[[root.add]]\npath = '/etc/x'\ncontent = 'y'\nowner = 'app'\n[initrd]"), "sealboot build", REFUSED,
        &["root.add, entry 1, /etc/x", "no user \"app\""]),
    ("no firmware", |p| p.configure("[firmware]\nsource = []", "[firmware]\nsource = [{directory = 'stub'}]"), "sealboot build", MISSING,
        &["firmware.source", "usr/lib/firmware", "source = []"]),
    ("no stub", |p| p.remove("stub/linuxx64.efi.stub"), "sealboot build", MISSING,
        &["uki.stub", "uki.stub_path", "linuxx64.efi.stub", "there is nothing at this path"]),
    ("a stub that is none", |p| p.write("stub/linuxx64.efi.stub", "MZ"), "sealboot build", REFUSED,
        &["UKI", "the stub linuxx64.efi.stub", "stub cannot be used"]),
    ("a stub too large", |p| cut(p, "stub/linuxx64.efi.stub", 17 << 20), "sealboot build", REFUSED,
        &["uki.stub", "linuxx64.efi.stub", "is 17825792 bytes"]),
    ("no os-release", |p| p.configure("[uki]", "[uki]\nos_release = 'absent'"), "sealboot build", MISSING,
        &["uki.os_release", "absent cannot be read", "No such file"]),
    ("no microcode", |p| p.configure("[uki]", "[uki]\nmicrocode = 'absent'"), "sealboot build", MISSING,
        &["uki.microcode", "absent cannot be read", "No such file"]),
];
