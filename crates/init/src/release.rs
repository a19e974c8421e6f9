//! Step 2: which release this is. Both files lie in the initrd, so the UKI's signature covers
//! them: they are what everything on the disk is compared with.

use contract::boot::Boot;
use contract::manifest::Manifest;
use contract::{esp, running};

use crate::failure::Failure;
use crate::machine::Machine;

const NEXT: &str = "this UKI was not built by sealboot, or by a version that does not fit: build the release again";

/// The release that the initrd pins.
pub(crate) struct Release {
    /// The manifest's very bytes: the boot partition's copy must equal them.
    pub(crate) bytes: Vec<u8>,
    /// What they say.
    pub(crate) manifest: Manifest,
    /// How it is to be started.
    pub(crate) boot: Boot,
}

impl Release {
    /// Reads it, says it on the screen and leaves a copy for the running system.
    pub(crate) fn pinned(machine: &Machine) -> Result<Self, Failure> {
        machine.step("reading which release this is");
        let bytes = read(machine, esp::MANIFEST)?;
        let manifest =
            Manifest::from_json(&bytes).map_err(|error| refused(esp::MANIFEST).because(&error))?;
        let title = manifest.title();
        machine.set_release(format!("{title} (kernel {})", manifest.kernel));
        machine.say(&format!("release {title}, kernel {}", manifest.kernel));
        let boot_bytes = read(machine, esp::BOOT)?;
        let boot =
            Boot::from_json(&boot_bytes).map_err(|error| refused(esp::BOOT).because(&error))?;
        let running = machine.system.kernel_version();
        if running != manifest.kernel {
            return Err(
                Failure::new("the running kernel is not the release's kernel", NEXT)
                    .differs(manifest.kernel, running),
            );
        }
        leave(machine, running::MANIFEST, &bytes)?;
        leave(machine, running::BOOT, &boot_bytes)?;
        Ok(Self {
            bytes,
            manifest,
            boot,
        })
    }
}

/// Leaves a file in [`running::FOLDER`].
pub(crate) fn leave(machine: &Machine, path: &str, bytes: &[u8]) -> Result<(), Failure> {
    let folder = machine.path(running::FOLDER);
    let written =
        std::fs::create_dir_all(folder).and_then(|()| std::fs::write(machine.path(path), bytes));
    written.map_err(|error| {
        Failure::new(
            format!("{path} cannot be written"),
            "check the machine's memory",
        )
        .because(&error)
    })
}

/// Reads a file of the initrd.
pub(crate) fn read(machine: &Machine, name: &str) -> Result<Vec<u8>, Failure> {
    std::fs::read(machine.path(name)).map_err(|error| refused(name).because(&error))
}

fn refused(name: &str) -> Failure {
    Failure::new(format!("{name} in the initrd cannot be used"), NEXT)
}
