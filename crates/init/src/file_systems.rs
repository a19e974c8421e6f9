//! Step 1: the kernel's own file systems.

use linux::mount::Flags;

use crate::failure::Failure;
use crate::machine::Machine;

/// One mount: source and type are the same word for all of them.
struct Row {
    kind: &'static str,
    target: &'static str,
    flags: Flags,
    data: &'static str,
}

const NOTHING_SPECIAL: Flags = Flags::NOSUID.union(Flags::NOEXEC);

/// In order: a later one may lie inside an earlier one.
const TABLE: &[Row] = &[
    Row {
        kind: "devtmpfs",
        target: "/dev",
        flags: NOTHING_SPECIAL,
        data: "mode=0755",
    },
    Row {
        kind: "proc",
        target: "/proc",
        flags: NOTHING_SPECIAL.union(Flags::NODEV),
        data: "",
    },
    Row {
        kind: "sysfs",
        target: "/sys",
        flags: NOTHING_SPECIAL.union(Flags::NODEV),
        data: "",
    },
    Row {
        kind: "tmpfs",
        target: "/run",
        flags: Flags::NOSUID.union(Flags::NODEV),
        data: "mode=0755",
    },
];

/// Mounts them. `/dev` may have been mounted by the kernel (`CONFIG_DEVTMPFS_MOUNT`): once more
/// does no harm.
pub(crate) fn mount(machine: &Machine) -> Result<(), Failure> {
    machine.step("mounting the kernel's file systems");
    for row in TABLE {
        let target = machine.path(row.target);
        machine
            .system
            .make_directory(&target)
            .and_then(|()| {
                machine
                    .system
                    .mount(row.kind, &target, row.kind, row.flags, row.data)
            })
            .map_err(|error| {
                let what = format!("{} cannot be mounted", row.target);
                Failure::new(what, "build the release with another kernel").because(&error)
            })?;
    }
    Ok(())
}
