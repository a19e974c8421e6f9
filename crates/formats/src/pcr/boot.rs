//! PCR 4: the programs that firmware starts.

use super::{Pcr, SEPARATOR};

/// `EV_EFI_ACTION`: firmware tries a boot entry.
const ATTEMPT: &[u8] = b"Calling EFI Application from Boot Option";

/// PCR 4 when the first boot entry that firmware tries starts a program with this Authenticode digest.
///
/// systemd-stub starts the kernel inside of it without the firmware, which therefore measures no more.
/// Entries that were tried before and failed are measured, too, and are not in here.
pub fn program(digest: &[u8; 32]) -> Pcr {
    let mut pcr = Pcr::START;
    pcr.measure(ATTEMPT);
    pcr.measure(&SEPARATOR);
    pcr.extend(digest);
    pcr
}
