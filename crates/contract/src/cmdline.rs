//! Words on the kernel command line that init listens to. The line is inside the UKI's
//! signature, and in `boot.json`: systemd-stub adds to it what a virtual machine's host says
//! (SMBIOS type 11) and what an addon says that a db certificate signed, also while Secure Boot
//! is on. init refuses a release whose line was changed ([`same`]). The words take effect before
//! it can, so nothing here may weaken a check.

/// Seconds to wait for the boot partition's disk to appear: `sealboot.wait=30`.
pub const WAIT: &str = "sealboot.wait";

/// Seconds that a failure stays on the screen before the machine restarts: `sealboot.pause=30`.
pub const PAUSE: &str = "sealboot.pause";

/// Seconds that a step of init may take without a word on the screen before the hardware watchdog is
/// no longer fed, which restarts a machine that is stuck: `sealboot.patience=300`.
pub const PATIENCE: &str = "sealboot.patience";

/// Modules that are not loaded although hardware asks for them: `modprobe.blacklist=a,b`, which
/// kmod listens to, too (modprobe(8)).
pub const BLACKLIST: &str = "modprobe.blacklist";

/// The value of `key` on a command line: the last one counts, as in the kernel.
pub fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    values(line, key).last()
}

/// All names that `key` lists, with commas between them, as often as it is there.
pub fn list<'a>(line: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    let names = values(line, key).flat_map(|value| value.split(','));
    names.filter(|name| !name.is_empty())
}

fn values<'a>(line: &'a str, key: &str) -> impl Iterator<Item = &'a str> {
    line.split_ascii_whitespace()
        .filter_map(|word| word.split_once('='))
        .filter(move |(k, _)| *k == key)
        .map(|(_, v)| v)
}

/// Whether two command lines have the same words in the same order. Blanks between them may differ:
/// the stub and the kernel trim them.
pub fn same(one: &str, other: &str) -> bool {
    one.split_ascii_whitespace()
        .eq(other.split_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_counts() {
        let line = "console=ttyS0 sealboot.wait=5 quiet sealboot.wait=7\n";
        assert_eq!(value(line, WAIT), Some("7"));
        assert_eq!(value(line, PAUSE), None);
        assert_eq!(value(line, "quiet"), None);
    }

    #[test]
    fn lists_add_up() {
        let line = "modprobe.blacklist=a,b-c x modprobe.blacklist= modprobe.blacklist=d,";
        assert_eq!(list(line, BLACKLIST).collect::<Vec<_>>(), ["a", "b-c", "d"]);
        assert_eq!(list(line, WAIT).count(), 0);
    }

    #[test]
    fn only_blanks_may_differ() {
        assert!(same("a  b=1\n", " a b=1"));
        for other in ["a b=1 c", "a", "b=1 a", "a b=2", "", "ab=1"] {
            assert!(!same("a b=1", other), "{other}");
        }
    }
}
