//! Once, before any service: places to write to, drivers, and a key for the SSH server.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use contract::recovery::{HOST_KEY, HOST_KEY_PUBLIC, LOGS, PATH, Settings};
use linux::mount::{Flags, mount};
use linux::tty::Consoles;

use super::hardware;

/// A file system in memory.
struct Row {
    kind: &'static str,
    target: &'static str,
    flags: Flags,
    data: &'static str,
}

const NOTHING_SPECIAL: Flags = Flags::NOSUID.union(Flags::NODEV);

/// What the root, which is read-only, is covered with. Sizes keep what is written there from
/// taking all memory.
const MOUNTS: &[Row] = &[
    Row {
        kind: "devpts",
        target: "/dev/pts",
        flags: Flags::NOSUID.union(Flags::NOEXEC),
        data: "gid=5,mode=620,ptmxmode=666",
    },
    Row {
        kind: "tmpfs",
        target: "/tmp",
        flags: NOTHING_SPECIAL,
        data: "mode=1777,size=50%",
    },
    Row {
        kind: "tmpfs",
        target: "/var",
        flags: NOTHING_SPECIAL,
        data: "mode=755,size=10%",
    },
    Row {
        kind: "tmpfs",
        target: "/root",
        flags: NOTHING_SPECIAL,
        data: "mode=700,size=50%",
    },
    Row {
        kind: "tmpfs",
        target: "/mnt",
        flags: NOTHING_SPECIAL,
        data: "mode=755,size=1m",
    },
];

/// Folders in them.
const FOLDERS: &[(&str, u32)] = &[
    (LOGS, 0o755),
    ("/var/lib/dhcpcd", 0o755),
    ("/var/tmp", 0o1777),
];

/// Makes the recovery ready for its services. Whatever fails is said, and the rest goes on: a
/// recovery that lacks something is better than none.
pub fn run(settings: &Settings) {
    let mut consoles = Consoles::open(Path::new("/sys"), Path::new("/dev"));
    let mut complain = |what: &str| consoles.write(&format!("sealboot: {what}\n"));
    for row in MOUNTS {
        let target = Path::new(row.target);
        // Those in the kernel's own file systems are not there yet; the others are.
        let _ = fs::create_dir(target);
        if let Err(error) = mount(row.kind, target, row.kind, row.flags, row.data) {
            complain(&format!("{error}: {}", error.source));
        }
    }
    for (folder, mode) in FOLDERS {
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(*mode)
            .create(folder);
        let made =
            made.and_then(|()| fs::set_permissions(folder, PermissionsExt::from_mode(*mode)));
        if let Err(error) = made {
            complain(&format!("cannot make {folder}: {error}"));
        }
    }
    let _ = std::os::unix::fs::symlink("/run", "/var/run");
    let name = fs::read_to_string("/etc/hostname").unwrap_or_default();
    let _ = fs::write("/proc/sys/kernel/hostname", name.trim());
    let _ = command("ip", &["link", "set", "lo", "up"]).status();
    hardware::load_all();
    if settings.authorized_keys > 0
        && let Err(error) = make_host_key()
    {
        complain(&format!("the SSH server has no key: {error}"));
    }
}

/// Makes the SSH server's key, and leaves its public half for the first screen.
fn make_host_key() -> std::io::Result<()> {
    let output = command("dropbearkey", &["-t", "ed25519", "-f", HOST_KEY])
        .stdout(Stdio::piped())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with("ssh-ed25519 "));
    let line = line.ok_or_else(|| std::io::Error::other("dropbearkey made none"))?;
    fs::write(HOST_KEY_PUBLIC, format!("{line}\n"))
}

/// A program that says nothing and reads nothing, wherever it is.
pub(super) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("PATH", PATH.join(":"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}
