//! What a root made of packages lacks to be a machine's root, added without running a script.

use source::tree::{Error, Tree};

/// Links that Debian's base-files package brings: everything lives in `usr` (UAPI group, Linux
/// file system hierarchy). Packages without base-files need them all the same, for the program
/// loader's path in every executable.
const MERGED_USR: &[(&str, &str)] = &[
    ("bin", "usr/bin"),
    ("sbin", "usr/sbin"),
    ("lib", "usr/lib"),
    ("lib64", "usr/lib64"),
];

/// Directories that programs expect, beside the mount points: path, mode.
const DIRECTORIES: &[(&str, u16)] = &[
    ("etc", 0o755),
    ("root", 0o700),
    ("tmp", 0o1777),
    ("var", 0o755),
    ("var/tmp", 0o1777),
];

/// The lowest layer of a root made of Debian packages: merged `usr`.
pub fn merged_usr(tree: &mut Tree) -> Result<(), Error> {
    for (link, target) in MERGED_USR {
        tree.add_dir(target, 0o755)?;
        tree.add_symlink(link, target)?;
    }
    Ok(())
}

/// Takes away what is never seen on a machine: init mounts the images over it. The toolbox, and
/// container images that were made of a whole system, have a kernel's modules and firmware.
pub fn uncover(tree: &mut Tree, kernel: &str, firmware: bool) {
    let firmware = firmware.then(|| contract::root::FIRMWARE.to_owned());
    for place in [contract::root::modules(kernel)]
        .into_iter()
        .chain(firmware)
    {
        if let Ok(real) = tree.resolve(place) {
            tree.remove(real);
        }
    }
}

/// Places that init mounts at, that it starts `directory`'s program in, and that programs expect. What
/// is there stays as it is.
pub fn complete(tree: &mut Tree, kernel: &str, directory: &str) -> Result<(), Error> {
    let mount_points = contract::root::mount_points(kernel)
        .into_iter()
        .map(|place| (place, 0o755));
    let directories = DIRECTORIES
        .iter()
        .map(|(place, mode)| ((*place).to_owned(), *mode));
    let start = [(directory.to_owned(), 0o755)];
    for (place, mode) in mount_points.chain(directories).chain(start) {
        let real = tree.resolve(&place);
        if !real.is_ok_and(|real| tree.get(real).is_some()) {
            tree.add_dir(place, mode)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_follow_the_merged_usr() {
        let mut tree = Tree::new();
        merged_usr(&mut tree).unwrap();
        complete(&mut tree, "6.12", "/srv").unwrap();
        assert!(tree.get("usr/lib/modules/6.12").unwrap().is_directory());
        assert!(tree.get("lib").unwrap().symlink().is_some());
        assert_eq!(tree.get("tmp").unwrap().metadata.mode, 0o1777);
        assert!(tree.get("srv").unwrap().is_directory());
    }

    #[test]
    fn what_is_covered_goes() {
        let mut tree = Tree::new();
        merged_usr(&mut tree).unwrap();
        for path in [
            "lib/modules/6.12/a.ko",
            "lib/modules/6.1/b.ko",
            "lib/firmware/c",
        ] {
            tree.add_file(path, *b"", 0o644).unwrap();
        }
        uncover(&mut tree, "6.12", false);
        assert!(tree.get("usr/lib/modules/6.12").is_none());
        assert!(tree.get("usr/lib/modules/6.1/b.ko").is_some());
        assert!(tree.get("usr/lib/firmware/c").is_some());
        uncover(&mut tree, "6.12", true);
        assert!(tree.get("usr/lib/firmware").is_none());
    }

    #[test]
    fn what_is_there_stays() {
        let mut tree = Tree::new();
        tree.add_dir("proc", 0o555).unwrap();
        tree.add_symlink("etc", "usr/etc").unwrap();
        tree.add_dir("usr/etc", 0o700).unwrap();
        complete(&mut tree, "6.12", "/srv").unwrap();
        assert_eq!(tree.get("proc").unwrap().metadata.mode, 0o555);
        assert_eq!(tree.get("usr/etc").unwrap().metadata.mode, 0o700);
    }
}
