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
/// two decimal numbers, the lower 32 bits first (kernel: `Documentation/admin-guide/sysctl/kernel.rst`).
pub fn without_mac_admin(set: &str) -> Option<String> {
    let mut words = set.split_ascii_whitespace();
    let mut word = || words.next()?.parse::<u32>().ok();
    let (low, high) = (word()?, word()?);
    let set = u64::from(high) << 32 | u64::from(low);
    let left = set & !CapabilitySet::MAC_ADMIN.bits();
    Some(format!("{} {}", left & u64::from(u32::MAX), left >> 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_33_and_no_other_is_taken_out() {
        let cases = [
            ("4294967295\t511\n", Some("4294967295 509")),
            ("4294967295 509", Some("4294967295 509")),
            ("0\t2", Some("0 0")),
            ("4294967295", None),
            ("4294967296\t1", None),
            ("", None),
        ];
        for (set, expected) in cases {
            assert_eq!(without_mac_admin(set).as_deref(), expected, "{set}");
        }
    }
}
