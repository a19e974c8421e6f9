//! What the firmware says, and what init makes of it.

use crate::machine::{Machine, VENDOR, variable};

#[test]
fn without_secure_boot_the_pinned_hash_counts_and_the_screen_warns() {
    let machine = Machine::good();
    machine.write(&variable("SecureBoot", VENDOR), [6, 0, 0, 0, 0]);
    machine.write(&variable("SetupMode", VENDOR), [6, 0, 0, 0, 1]);
    machine.remove("mounted/vda1/sealboot/modules.roothash.p7s");
    let outcome = machine.start();
    assert!(outcome.started(), "{}", outcome.said);
    assert!(
        outcome
            .said
            .contains("WARNING: Secure Boot is OFF and the firmware is in SETUP MODE")
    );
    assert!(
        outcome
            .said
            .contains("modules.squashfs mapped, by its pinned root hash")
    );
    assert!(!outcome.said.contains("signature of"));
}
