//! What is mounted where (proc_pid_mountinfo(5)).

use std::path::{Path, PathBuf};

/// One line of `/proc/self/mountinfo`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// Major and minor number of the file system's device; major 0 when it has none of its own,
    /// as with btrfs and overlay.
    pub(super) device: (u32, u32),
    /// Where it is mounted.
    pub(super) target: PathBuf,
    /// What was said to be mounted: a device node, for most.
    pub(super) source: String,
    /// Options of the file system.
    options: String,
}

impl Mount {
    /// All mounts, in order: a later one hides an earlier one at the same place.
    pub(super) fn parse(mountinfo: &str) -> Vec<Self> {
        mountinfo.lines().filter_map(Self::line).collect()
    }

    fn line(line: &str) -> Option<Self> {
        // "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue"
        let (mount, file_system) = line.split_once(" - ")?;
        let mut words = mount.split(' ');
        let (major, minor) = words.nth(2)?.split_once(':')?;
        let target = words.nth(1)?;
        let mut words = file_system.split(' ').skip(1);
        Some(Self {
            device: (major.parse().ok()?, minor.parse().ok()?),
            target: PathBuf::from(unescape(target)),
            source: unescape(words.next()?),
            options: unescape(words.next().unwrap_or_default()),
        })
    }

    /// The folders that an overlay is made of.
    pub(super) fn layers(&self) -> Vec<PathBuf> {
        const NAMES: [&str; 4] = ["lowerdir", "lowerdir+", "datadir+", "upperdir"];
        let options = self.options.split(',').filter_map(|o| o.split_once('='));
        options
            .filter(|(name, _)| NAMES.contains(name))
            .flat_map(|(_, folders)| folders.split(':'))
            .filter(|folder| folder.starts_with('/'))
            .map(PathBuf::from)
            .collect()
    }
}

/// The mount that a path lies on.
pub(super) fn of_path<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    let around = mounts
        .iter()
        .filter(|mount| path.starts_with(&mount.target));
    // The innermost, and of several at one place the last.
    around.max_by_key(|mount| mount.target.components().count())
}

/// Blanks, tabs, newlines and backslashes are octal there: `\040`.
fn unescape(word: &str) -> String {
    let codes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n")];
    let word = codes.iter().fold(word.to_owned(), |word, (code, plain)| {
        word.replace(code, plain)
    });
    word.replace("\\134", "\\")
}
