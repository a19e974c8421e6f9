//! Step 4: what the firmware says about Secure Boot, and where it started this release from.

use contract::boot;
use formats::efivars::{LOADER_DEVICE_PART_UUID, SECURE_BOOT, SETUP_MODE, SecureBoot, Variable};
use linux::efivars;
use linux::mount::Flags;

use crate::failure::Failure;
use crate::machine::Machine;
use crate::release::Release;

/// What nothing on efivarfs may be or do.
pub(crate) const VARIABLES: Flags = Flags::NOSUID.union(Flags::NODEV).union(Flags::NOEXEC);

/// What the firmware said.
pub(crate) struct Firmware {
    /// Whether it checks what it starts.
    pub(crate) secure_boot: SecureBoot,
    /// Where the UKI was loaded from: the partition's GUID, lower case, when the stub told.
    pub(crate) started_from: Option<String>,
}

/// Reads the EFI variables. What cannot be read is a failure: a release that relies on Secure
/// Boot does not guess. So is Secure Boot that is off, when the release requires it.
pub(crate) fn state(machine: &Machine, release: &Release) -> Result<Firmware, Failure> {
    machine.step("asking the firmware for its Secure Boot state");
    let folder = machine.path(efivars::FOLDER);
    if !machine.path("/sys/firmware/efi").is_dir() {
        let what = "this machine was not started by UEFI firmware, so its Secure Boot state cannot be read";
        return Err(Failure::new(
            what,
            "turn off legacy boot (CSM) in the firmware's setup",
        ));
    }
    machine
        .system
        .mount(
            "efivarfs",
            &folder,
            "efivarfs",
            VARIABLES | Flags::RDONLY,
            "",
        )
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
    match off(secure_boot) {
        None => machine.say("Secure Boot is on"),
        Some(words) if release.boot.secure_boot == boot::SecureBoot::Required => {
            return Err(Failure::new(
                "Secure Boot is off, and this release starts only while it is on",
                "enrol the owner's keys and turn Secure Boot on, both in the firmware's setup",
            )
            .differs("Secure Boot is on", words));
        }
        Some(words) => machine.warn(
            words,
            &[
                "Nothing vouches for this kernel and initrd: who had this disk in",
                "hands can have put others there, and what follows can be a lie.",
                "Turn Secure Boot on, with the owner's keys, in firmware setup.",
            ],
        ),
    }
    Ok(Firmware {
        secure_boot,
        started_from: started_from.map(|guid| guid.to_ascii_lowercase()),
    })
}

/// What the screen says of a firmware that does not check what it starts.
fn off(state: SecureBoot) -> Option<&'static str> {
    match state {
        SecureBoot {
            on: true,
            setup_mode: false,
        } => None,
        SecureBoot {
            setup_mode: true, ..
        } => Some("Secure Boot is OFF and the firmware is in SETUP MODE"),
        SecureBoot { .. } => Some("Secure Boot is OFF"),
    }
}

fn unreadable() -> Failure {
    Failure::new(
        "the firmware's variables cannot be read, so its Secure Boot state is not known",
        "reset the firmware's settings to their defaults, or update the firmware",
    )
}
