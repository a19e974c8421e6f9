//! Step 1: the kernel's own file systems.

use contract::policy;
use linux::mount::Flags;

use crate::failure::Failure;
use crate::machine::Machine;

/// One mount: source and type are the same word for all of them.
struct Row {
    kind: &'static str,
    target: &'static str,
    flags: Flags,
    data: &'static str,
    /// Whether no release starts without it.
    needed: bool,
}

const NOTHING_SPECIAL: Flags = Flags::NOSUID.union(Flags::NOEXEC);

/// In order: a later one may lie inside an earlier one.
const TABLE: &[Row] = &[
    Row {
        kind: "devtmpfs",
        target: "/dev",
        flags: NOTHING_SPECIAL,
        data: "mode=0755",
        needed: true,
    },
    Row {
        kind: "proc",
        target: "/proc",
        flags: NOTHING_SPECIAL.union(Flags::NODEV),
        data: "",
        needed: true,
    },
    Row {
        kind: "sysfs",
        target: "/sys",
        flags: NOTHING_SPECIAL.union(Flags::NODEV),
        data: "",
        needed: true,
    },
    // What reads it says what it misses.
    Row {
        kind: "securityfs",
        target: policy::SECURITYFS,
        flags: NOTHING_SPECIAL.union(Flags::NODEV),
        data: "",
        needed: false,
    },
    Row {
        kind: "tmpfs",
        target: "/run",
        flags: Flags::NOSUID.union(Flags::NODEV),
        data: "mode=0755",
        needed: true,
    },
];

/// Mounts them. `/dev` may have been mounted by the kernel (`CONFIG_DEVTMPFS_MOUNT`): once more
/// does no harm.
pub(crate) fn mount(machine: &Machine) -> Result<(), Failure> {
    machine.step("mounting the kernel's file systems");
    for row in TABLE {
        let target = machine.path(row.target);
        let mounted = machine.system.make_directory(&target).and_then(|()| {
            let system = &machine.system;
            system.mount(row.kind, &target, row.kind, row.flags, row.data)
        });
        if let Err(error) = mounted
            && row.needed
        {
            let what = format!("{} cannot be mounted", row.target);
            let next = "build the release with another kernel";
            return Err(Failure::new(what, next).because(&error));
        }
    }
    Ok(())
}
