//! Step 4, too: that the kernel got the command line that was signed, and nothing after it.

use contract::cmdline;

use crate::failure::Failure;
use crate::firmware::Firmware;
use crate::machine::Machine;
use crate::release::Release;

/// Compares the running kernel's command line with the release's. While Secure Boot is on another
/// one is a failure; without it anybody can give one, and replace init as well.
pub(crate) fn check(
    machine: &Machine,
    release: &Release,
    firmware: &Firmware,
) -> Result<(), Failure> {
    machine.step("comparing the command line");
    let (expected, found) = (&release.boot.command_line, machine.system.command_line());
    if cmdline::same(expected, &found) {
        return Ok(());
    }
    if firmware.secure_boot.on {
        let next = "remove what adds to it: addons beside the UKI, or SMBIOS strings \
            (io.systemd.stub.kernel-cmdline-extra) of a virtual machine's host";
        return Err(Failure::new(
            "the kernel's command line is not the one that was signed",
            next,
        )
        .differs(expected.as_str(), found));
    }
    machine.say("WARNING: the kernel's command line is not the release's");
    Ok(())
}
