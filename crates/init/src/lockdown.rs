//! Step 4, too: while Secure Boot is on, not even root may change the kernel that was checked
//! (kernel_lockdown(7)). Debian's kernel locks itself then; others wait to be told.

use contract::lockdown;

use crate::firmware::Firmware;
use crate::machine::Machine;

/// Sees to it that the kernel is locked down as far as [`lockdown::INTEGRITY`] goes. One that cannot
/// be starts with a warning: what the firmware checked is unchanged until root changes it.
pub(crate) fn raise(machine: &Machine, firmware: &Firmware) {
    if !firmware.secure_boot.on {
        return;
    }
    machine.step("locking the kernel down");
    let path = machine.path(lockdown::FILE);
    let level = || {
        let text = std::fs::read_to_string(&path).ok()?;
        lockdown::level(&text).map(str::to_owned)
    };
    if level().as_deref() == Some(lockdown::NONE) {
        // Whether it worked is what the kernel says itself.
        let _ = machine.system.write(&path, lockdown::INTEGRITY.as_bytes());
    }
    match level().as_deref() {
        None | Some(lockdown::NONE) => machine.warn(
            "this kernel is NOT LOCKED DOWN",
            &[
                "Root can change it while it runs, although Secure Boot is on.",
                "Build the release with a kernel that has the module lockdown.",
            ],
        ),
        Some(level) => machine.say(&format!("the kernel is locked down: {level}")),
    }
}
