//! Mounting (mount(2), umount(2)) and making a mounted file system the root.

use std::ffi::CString;
use std::path::Path;

pub use rustix::mount::MountFlags as Flags;
use rustix::mount::UnmountFlags;

use crate::Error;

/// Read-only, and nothing on it may run, be a device or be setuid.
pub const READ_ONLY_DATA: Flags = Flags::RDONLY
    .union(Flags::NOSUID)
    .union(Flags::NODEV)
    .union(Flags::NOEXEC);

/// Mounts `source` (a device, or any word for file systems without one) of type `kind` at the
/// existing directory `target`. `data` are the file system's own options, comma separated.
pub fn mount(
    source: &str,
    target: &Path,
    kind: &str,
    flags: Flags,
    data: &str,
) -> Result<(), Error> {
    let data = CString::new(data)
        .map_err(|error| Error::new("cannot mount with the options", data, error))?;
    rustix::mount::mount(source, target, kind, flags, data.as_c_str()).map_err(|errno| {
        Error::new(
            "cannot mount",
            format!("{source} at {}", target.display()),
            errno,
        )
    })
}

/// Changes the flags of the mount at `target` to `flags`.
pub fn remount(target: &Path, flags: Flags) -> Result<(), Error> {
    rustix::mount::mount_remount(target, flags, c"")
        .map_err(Error::at("cannot change the mount at", target))
}

/// Moves the mount at `from` to the existing directory `to`.
pub fn move_to(from: &Path, to: &Path) -> Result<(), Error> {
    rustix::mount::mount_move(from, to).map_err(|errno| {
        Error::new(
            "cannot move the mount",
            format!("{} to {}", from.display(), to.display()),
            errno,
        )
    })
}

/// Unmounts what is mounted at `target`.
pub fn unmount(target: &Path) -> Result<(), Error> {
    rustix::mount::unmount(target, UnmountFlags::NOFOLLOW)
        .map_err(Error::at("cannot unmount", target))
}

/// Makes the file system mounted at `root` the root of this process and of all that follow.
///
/// The initramfs cannot be unmounted and `pivot_root` refuses it, so the mount is moved over it
/// (kernel: `Documentation/filesystems/ramfs-rootfs-initramfs.rst`).
pub fn switch_root(root: &Path) -> Result<(), Error> {
    rustix::process::chdir(root).map_err(Error::at("cannot enter", root))?;
    rustix::mount::mount_move(".", "/").map_err(Error::at("cannot move to / the mount", root))?;
    rustix::process::chroot(".").map_err(Error::at("cannot take as root", root))?;
    rustix::process::chdir("/").map_err(Error::at("cannot enter", Path::new("/")))
}

/// Whether `path` is on a file system that exists only in memory: an initramfs (ramfs or tmpfs).
pub fn is_memory(path: &Path) -> bool {
    const RAMFS: i64 = 0x8584_58f6;
    const TMPFS: i64 = 0x0102_1994;
    rustix::fs::statfs(path).is_ok_and(|fs| [RAMFS, TMPFS].contains(&fs.f_type))
}
