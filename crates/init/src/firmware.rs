//! Step 4: what the firmware says about Secure Boot, and where it started this release from.

use formats::efivars::{LOADER_DEVICE_PART_UUID, SECURE_BOOT, SETUP_MODE, SecureBoot, Variable};
use linux::efivars;
use linux::mount::Flags;

use crate::failure::Failure;
use crate::machine::Machine;

/// What the firmware said.
pub(crate) struct Firmware {
    /// Whether it checks what it starts.
    pub(crate) secure_boot: SecureBoot,
    /// Where the UKI was loaded from: the partition's GUID, lower case, when the stub told.
    pub(crate) started_from: Option<String>,
}

/// Reads the EFI variables. What cannot be read is a failure: a release that relies on Secure
/// Boot does not guess.
pub(crate) fn state(machine: &Machine) -> Result<Firmware, Failure> {
    machine.step("asking the firmware for its Secure Boot state");
    let folder = machine.path(efivars::FOLDER);
    if !machine.path("/sys/firmware/efi").is_dir() {
        let what = "this machine was not started by UEFI firmware, so its Secure Boot state cannot be read";
        return Err(Failure::new(
            what,
            "turn off legacy boot (CSM) in the firmware's setup",
        ));
    }
    let flags = Flags::NOSUID | Flags::NODEV | Flags::NOEXEC;
    machine
        .system
        .mount("efivarfs", &folder, "efivarfs", flags, "")
        .map_err(|error| unreadable().because(&error))?;
    let read = |variable: Variable| {
        efivars::read(&folder, &variable.file_name()).map_err(|error| unreadable().because(&error))
    };
    let (secure_boot, setup_mode) = (read(SECURE_BOOT)?, read(SETUP_MODE)?);
    let secure_boot = SecureBoot::decode(secure_boot.as_deref(), setup_mode.as_deref())
        .map_err(|error| unreadable().because(&error))?;
    // Only a hint where to look first: one that is no text must not stop a release, because
    // whoever was root once could have left it there.
    let started_from = read(LOADER_DEVICE_PART_UUID)?.and_then(|file| {
        let text = LOADER_DEVICE_PART_UUID.decode_text(&file);
        text.map_err(|error| machine.say(&format!("passed over: {error}")))
            .ok()
    });
    machine.say(match secure_boot {
        SecureBoot { on: true, .. } => "Secure Boot is on",
        SecureBoot {
            setup_mode: true, ..
        } => {
            "WARNING: Secure Boot is OFF and the firmware is in SETUP MODE: anybody may enrol keys"
        }
        SecureBoot { .. } => {
            "WARNING: Secure Boot is OFF: nothing vouches for this kernel and initrd"
        }
    });
    Ok(Firmware {
        secure_boot,
        started_from: started_from.map(|guid| guid.to_ascii_lowercase()),
    })
}

fn unreadable() -> Failure {
    Failure::new(
        "the firmware's variables cannot be read, so its Secure Boot state is not known",
        "reset the firmware's settings to their defaults, or update the firmware",
    )
}
