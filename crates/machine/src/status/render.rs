//! [`Status`] → `sealboot status`: all of it, in 80 columns of ASCII without colours, so that it
//! reads the same on a serial line, in a firmware's text mode and in a log.

use std::fmt::Write;

use contract::lockdown;

use super::layout::{row, rule};
use super::{Execution, Image, ImageState, SecureBoot, Status};

impl Status {
    /// The screen, with a newline at the end of each line.
    pub fn render(&self) -> String {
        let mut screen = String::new();
        let line = rule();
        screen.push_str("sealboot\n");
        screen.push_str(&line);
        for (name, text) in [
            ("Release", self.release_text()),
            ("Machine", self.machine_text()),
            ("Kernel", self.kernel_text()),
            ("Secure Boot", self.secure_boot.text()),
            ("Execution", self.execution.text()),
            ("Root", self.root_text()),
        ] {
            row(&mut screen, name, &text);
        }
        if !self.images.is_empty() {
            screen.push_str(&line);
        }
        for image in &self.images {
            row(&mut screen, &image.name, &image.root_hash);
            if let ImageState::Other { mapped_root_hash } = &image.state {
                row(&mut screen, "mapped is", mapped_root_hash);
            }
            row(&mut screen, "", &image.text());
        }
        self.add_failure(&mut screen);
        screen.push_str(&line);
        self.add_disks(&mut screen);
        self.add_network(&mut screen);
        screen.push_str(&line);
        screen
    }

    pub(super) fn release_text(&self) -> String {
        match (&self.release, &self.system) {
            (Some(version), Some(system)) => format!("{version}, system {system}"),
            (Some(version), None) => version.clone(),
            (None, _) => "none: this system was not started by sealboot's init".to_owned(),
        }
    }

    pub(super) fn machine_text(&self) -> String {
        let machine = &self.machine;
        let mut text = format!("{} {}", machine.vendor, machine.product)
            .trim()
            .to_owned();
        if text.is_empty() {
            text.push_str("the firmware does not say");
        }
        if !machine.serial.is_empty() {
            let _ = write!(text, ", serial {}", machine.serial);
        }
        text
    }

    fn kernel_text(&self) -> String {
        let kernel = &self.kernel;
        match self.lockdown.as_deref() {
            Some(lockdown::NONE) => format!("{kernel}, NOT locked down: root can change it"),
            Some(level) => format!("{kernel}, locked down ({level})"),
            None => kernel.clone(),
        }
    }

    fn root_text(&self) -> String {
        match &self.root {
            Some(root) if root.writable && root.file_system == "overlay" => {
                "overlay in memory: changes are gone after a restart".to_owned()
            }
            Some(root) => {
                let writable = if root.writable {
                    "writable"
                } else {
                    "read-only"
                };
                format!("{} {}, {writable}", root.file_system, root.source)
            }
            None => "not known".to_owned(),
        }
    }
}

impl SecureBoot {
    pub(super) fn text(&self) -> String {
        match self {
            Self::On => "on".to_owned(),
            Self::Off => "OFF: nothing vouches for the kernel and what it started".to_owned(),
            Self::SetupMode => "OFF, in SETUP MODE: anybody may enrol keys".to_owned(),
            Self::Unreadable { reason } => format!("NOT KNOWN: {reason}"),
        }
    }
}

impl Execution {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Signed => "only of what the images of this release hold".to_owned(),
            Self::Any => "of anything: this release does not restrict it".to_owned(),
            Self::NotEnforced { found } => {
                format!("NOT RESTRICTED, although this release asks for it: {found}")
            }
            Self::Other { policy } => {
                format!("restricted by ANOTHER policy than the release's: {policy}")
            }
            Self::Unreadable { reason } => format!("NOT KNOWN: {reason}"),
        }
    }
}

impl Image {
    fn text(&self) -> String {
        let state = match &self.state {
            ImageState::Signed => "signature checked by the kernel".to_owned(),
            ImageState::Pinned => "hash pinned by the initrd, signature not checked".to_owned(),
            ImageState::Other { .. } => "WRONG: mapped with another root hash".to_owned(),
            ImageState::Absent => "NOT MAPPED".to_owned(),
            ImageState::Unreadable { reason } => format!("NOT KNOWN: {reason}"),
        };
        match &self.mounted_at {
            Some(place) => format!("{state}, at {place}"),
            None => format!("{state}, not mounted"),
        }
    }
}
