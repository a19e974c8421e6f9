//! Drivers that asked for firmware when there was none: the firmware image lies on a disk, and
//! finding that takes drivers.

use std::fs;
use std::path::PathBuf;

use contract::manifest::ImageName;
use contract::root::FIRMWARE;
use linux::mount::READ_ONLY_DATA;

use super::Hardware;
use crate::images::Mapped;

impl Hardware {
    /// Gives the devices that a loaded driver did not take to it once more, now with the firmware
    /// image in the place where the kernel looks. It stays there: a driver may read it later, in
    /// its own time. What fails here failed before, and stops nothing.
    pub(crate) fn ask_again(&self, images: &[Mapped]) {
        let left = self.left();
        let mut images = images.iter();
        let firmware = images.find(|image| image.name == ImageName::Firmware);
        let (Some(firmware), false) = (firmware, left.is_empty()) else {
            return;
        };
        self.machine.step("asking drivers again, with firmware");
        let system = &self.machine.system;
        let place = self.machine.path(FIRMWARE);
        let mounted = system
            .make_directory(&place)
            .and_then(|()| system.mount(&firmware.device, &place, "squashfs", READ_ONLY_DATA, ""));
        if let Err(error) = mounted {
            self.machine.say(&format!("no firmware: {error}"));
            return;
        }
        for (bus, device) in &left {
            let _ = system.write(&bus.join("drivers_probe"), device.as_bytes());
        }
        // Most were left because they are nothing for their driver, which is worth no line.
        let taken = left.len().saturating_sub(self.left().len());
        if taken > 0 {
            let line = format!("{taken} devices got their driver now that there is firmware");
            self.machine.say(&line);
        }
    }

    /// Devices without a driver for which a module was loaded: their bus, and their name on it.
    fn left(&self) -> Vec<(PathBuf, String)> {
        let mut left = Vec::new();
        for bus in fs::read_dir(self.machine.path("/sys/bus"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let bus = bus.path();
            for device in fs::read_dir(bus.join("devices"))
                .into_iter()
                .flatten()
                .flatten()
            {
                let path = device.path();
                let alias = fs::read_to_string(path.join("modalias")).unwrap_or_default();
                let alone = !path.join("driver").exists();
                if alone && !self.wanted(alias.trim()).is_empty() {
                    left.push((
                        bus.clone(),
                        device.file_name().to_string_lossy().into_owned(),
                    ));
                }
            }
        }
        left.sort();
        left
    }
}
