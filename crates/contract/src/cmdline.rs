//! Words on the kernel command line that init listens to. The line is inside the UKI's
//! signature. systemd-stub adds to it what a virtual machine's host says (SMBIOS type 11) and
//! what an addon says that a db certificate signed; nobody else can while Secure Boot is on. So
//! nothing here may weaken a check.

/// Seconds to wait for the boot partition's disk to appear: `sealboot.wait=30`.
pub const WAIT: &str = "sealboot.wait";

/// Seconds that a failure stays on the screen before the machine restarts: `sealboot.pause=30`.
pub const PAUSE: &str = "sealboot.pause";

/// The value of `key` on a command line: the last one counts, as in the kernel.
pub fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let words = line.split_ascii_whitespace().rev();
    words
        .filter_map(|word| word.split_once('='))
        .find(|(k, _)| *k == key)
        .map(|(_, v)| v)
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
}
