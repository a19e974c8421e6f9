//! Capabilities given up for good (capabilities(7)).

use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set};

use crate::Error;

/// Takes CAP_MAC_ADMIN, which changes what security modules enforce, out of this thread's bounding
/// set: the program that it becomes, and all that this one starts, never have it again. Until then
/// this thread keeps it.
pub fn give_up_mac_admin() -> Result<(), Error> {
    remove_capability_from_bounding_set(CapabilitySet::MAC_ADMIN)
        .map_err(|errno| Error::new("cannot give up", "CAP_MAC_ADMIN", errno))
}

/// Takes CAP_MAC_ADMIN out of a set as `/proc/sys/kernel/usermodehelper/bset` shows and takes it:
/// two decimal numbers with a tab between, the lower 32 bits first (kernel:
/// `Documentation/admin-guide/sysctl/kernel.rst`).
pub fn without_mac_admin(set: &str) -> Option<String> {
    let (low, high) = set.trim_ascii_end().split_once('\t')?;
    let left = high.parse::<u64>().ok()? & !(CapabilitySet::MAC_ADMIN.bits() >> 32);
    Some(format!("{low}\t{left}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_33_and_no_other_is_taken_out() {
        let cases = [
            ("4294967295\t511\n", Some("4294967295\t509")),
            ("4294967295\t509", Some("4294967295\t509")),
            ("0\t2", Some("0\t0")),
            ("4294967295", None),
            ("4294967295\t", None),
            ("", None),
        ];
        for (set, expected) in cases {
            assert_eq!(without_mac_admin(set).as_deref(), expected, "{set}");
        }
    }
}
