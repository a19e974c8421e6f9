//! Parts that the first screen and `sealboot status` share.

use contract::recovery::Networking;

use super::layout::{row, size};
use super::{Disk, Held, NetworkInterface, Status};
use crate::disk::What;

impl Status {
    /// Why the last boot failed; nothing when it did not.
    pub(super) fn add_failure(&self, screen: &mut String) {
        let Some(failure) = &self.last_failure else {
            return;
        };
        let release = match failure.release.as_str() {
            "" => "FAILED".to_owned(),
            version => format!("FAILED: release {version}"),
        };
        let step = match failure.step.as_str() {
            "" => release,
            step => format!("{release}, {step}"),
        };
        row(screen, "Last boot", &printable(&step));
        row(screen, "", &printable(&failure.problem));
        for (name, text) in [
            ("expected", &failure.expected),
            ("found", &failure.found),
            ("reason", &failure.reason),
        ] {
            if let Some(text) = text {
                row(screen, "", &printable(&format!("{name}: {text}")));
            }
        }
        if failure.kernel_log.is_some() {
            let place = contract::running::LAST_FAILURE;
            row(screen, "", &format!("the kernel's last words: {place}"));
        }
        if !failure.next.is_empty() {
            row(screen, "", &printable(&format!("next: {}", failure.next)));
        }
    }

    /// A row for each disk, and one for each thing on it.
    pub(super) fn add_disks(&self, screen: &mut String) {
        if self.disks.is_empty() {
            row(screen, "Disks", "none: no driver found one");
        }
        for disk in &self.disks {
            row(screen, &disk.disk.name, &disk.text());
            for held in &disk.holds {
                row(screen, &format!("  {}", held.device), &held.text(disk));
            }
        }
    }

    /// A row for each network interface.
    pub(super) fn add_network(&self, screen: &mut String) {
        let recovery = self.recovery.as_ref();
        if recovery.is_some_and(|recovery| recovery.network == Networking::None) {
            row(
                screen,
                "Network",
                "off: [recovery] network is \"none\" in the release",
            );
        } else if self.network.interfaces.is_empty() {
            row(screen, "Network", "none: no driver found an interface");
        }
        for interface in &self.network.interfaces {
            row(screen, &interface.name, &interface.text());
        }
    }
}

impl Disk {
    fn text(&self) -> String {
        let disk = &self.disk;
        let mut words = vec![
            size(disk.size),
            disk.bus.as_str().to_owned(),
            disk.model.clone(),
        ];
        if !disk.serial.is_empty() {
            words.push(format!("serial {}", disk.serial));
        }
        if disk.read_only {
            words.push("READ-ONLY".to_owned());
        }
        words.join(" ")
    }
}

impl Held {
    fn text(&self, disk: &Disk) -> String {
        let (content, label) = match &self.content {
            Some(content) => (content.kind, &*content.label),
            None => ("unknown content", ""),
        };
        // What is as large as its disk need not say so again.
        let mut words = vec![content.to_owned()];
        if self.device != disk.disk.name {
            words.insert(0, size(self.size));
        }
        if !label.is_empty() {
            words.push(format!("\"{label}\""));
        }
        if !self.name.is_empty() && !self.name.eq_ignore_ascii_case(label) {
            words.push(format!("({})", self.name));
        }
        let mut text = words.join(" ");
        if let Some(release) = &self.release {
            text += &format!(", release {release}");
        }
        if self.running {
            text += ", started from here";
        }
        for used in disk
            .disk
            .uses
            .iter()
            .filter(|used| used.device == self.device)
        {
            match &used.what {
                What::Mounted(_) if self.running => {}
                What::Mounted(place) => text += &format!(", mounted at {place}"),
                What::Swap => text += ", swapped to",
                What::PartOf(other) => text += &format!(", part of {other}"),
                What::Btrfs => text += ", part of a mounted btrfs",
                What::Loop(_) => {}
            }
        }
        text
    }
}

impl NetworkInterface {
    fn text(&self) -> String {
        match (self.link, self.addresses.as_slice()) {
            (false, _) => format!("no cable, or nothing at its end; {}", self.hardware_address),
            (true, []) => format!("no address yet; {}", self.hardware_address),
            (true, addresses) => addresses.join(" "),
        }
    }
}

/// Text from outside that is safe to show: a console obeys control characters.
fn printable(text: &str) -> String {
    let visible = |c: char| match c {
        c if c.is_ascii_graphic() || c == ' ' => c,
        '\n' => ' ',
        _ => '?',
    };
    text.chars().take(400).map(visible).collect()
}
