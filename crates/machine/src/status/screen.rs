//! The first screen of the recovery system: what a person needs at three in the morning, on 80
//! columns and, with few disks, 24 lines. What to do stands last, next to the prompt.

use contract::recovery::Console;

use super::layout::{row, rule};
use super::{Image, ImageState, Status};

/// Most lines that disks may take: the rest of the screen must not scroll away.
const MOST_DISK_LINES: usize = 12;

/// Stands for a command that names a disk of this machine.
const MOUNT: &str = "mount -o ro /dev/DISK /mnt";

/// File systems that the kernel mounts without further ado.
const MOUNTABLE: &[&str] = &["ext2/3/4", "btrfs", "XFS", "FAT32", "FAT", "ISO 9660"];

/// What to type, and what comes of it.
const COMMANDS: &[(&str, &str)] = &[
    ("sealboot status", "all of this again, and more"),
    ("lsblk -f", "disks, file systems, labels"),
    (MOUNT, "look at a disk without changing files"),
    (
        "cat /run/sealboot/boot.log",
        "what was said while this started",
    ),
    ("nano FILE", "change a file"),
    ("reboot", "start again; poweroff ends"),
];

impl Status {
    /// The screen, with a newline at the end of each line.
    pub fn first_screen(&self) -> String {
        let mut screen = String::new();
        screen.push_str("sealboot recovery\n");
        screen.push_str(&rule());
        row(&mut screen, "Release", &self.release_text());
        row(&mut screen, "Machine", &self.machine_text());
        row(&mut screen, "Secure Boot", &self.secure_boot.text());
        row(&mut screen, "Execution", &self.execution.text());
        row(&mut screen, "Images", &self.images_text());
        self.add_failure(&mut screen);
        screen.push_str(&rule());
        self.add_few_disks(&mut screen);
        screen.push_str(&rule());
        self.add_network(&mut screen);
        row(&mut screen, "SSH", &self.ssh_text());
        screen.push_str(&rule());
        self.add_commands(&mut screen);
        screen
    }

    /// One line for all images while all is well; each that is not is named.
    fn images_text(&self) -> String {
        let mut texts: Vec<String> = Vec::new();
        for group in [Trust::Signed, Trust::Pinned, Trust::None] {
            let images = self.images.iter();
            let names: Vec<&str> = images
                .filter(|image| Trust::of(image) == group)
                .map(|image| &*image.name)
                .collect();
            if !names.is_empty() {
                texts.push(format!("{}: {}", names.join(", "), group.text()));
            }
        }
        match texts.as_slice() {
            [] => "none".to_owned(),
            texts => texts.join("; "),
        }
    }

    fn add_few_disks(&self, screen: &mut String) {
        let mut disks = String::new();
        self.add_disks(&mut disks);
        let count = disks.lines().count();
        if count <= MOST_DISK_LINES {
            screen.push_str(&disks);
            return;
        }
        let shown = disks.lines().take(MOST_DISK_LINES - 1);
        screen.extend(shown.flat_map(|line| [line, "\n"]));
        row(
            screen,
            "",
            &format!(
                "and {} lines more: sealboot status",
                count + 1 - MOST_DISK_LINES
            ),
        );
    }

    fn ssh_text(&self) -> String {
        let Some(recovery) = &self.recovery else {
            return "off".to_owned();
        };
        let keys = match recovery.authorized_keys {
            0 => {
                return "off: the release names no key in [recovery] authorized_keys".to_owned();
            }
            1 => "one key".to_owned(),
            many => format!("{many} keys"),
        };
        let host_key = match &recovery.host_key {
            Some(fingerprint) => format!("this start's host key is {fingerprint}"),
            None => "the server has no host key: see /var/log/ssh.log".to_owned(),
        };
        match self.network.reachable().first() {
            Some(address) => format!("ssh root@{address} for {keys}; {host_key}"),
            None => format!("for {keys}, once there is an address; {host_key}"),
        }
    }

    /// How to look into the first disk that could be looked into.
    fn mount_command(&self) -> String {
        let all = self.disks.iter().flat_map(|disk| &disk.holds);
        let mut mountable = all.filter(|held| {
            let kind = held.content.as_ref().map(|content| content.kind);
            !held.running && kind.is_some_and(|kind| MOUNTABLE.contains(&kind))
        });
        match mountable.next() {
            Some(held) => MOUNT.replace("DISK", &held.device),
            None => MOUNT.to_owned(),
        }
    }

    fn add_commands(&self, screen: &mut String) {
        let recovery = self.recovery.as_ref();
        if recovery.is_some_and(|recovery| recovery.console == Console::Shell) {
            screen.push_str("What to type:\n");
            for (command, meaning) in COMMANDS {
                let command = match *command {
                    MOUNT => self.mount_command(),
                    command => command.to_owned(),
                };
                screen.push_str(&format!("  {command:<30}{meaning}\n"));
            }
            return;
        }
        let ssh = recovery.is_some_and(|recovery| recovery.authorized_keys > 0);
        screen.push_str(match ssh {
            true => "No shell on this console. Ctrl-Alt-Del restarts the machine.\n",
            false => "Nothing to log in to here. Ctrl-Alt-Del restarts the machine.\n",
        });
    }
}

/// What vouches for an image.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    Signed,
    Pinned,
    None,
}

impl Trust {
    fn of(image: &Image) -> Self {
        match image.state {
            ImageState::Signed => Self::Signed,
            ImageState::Pinned => Self::Pinned,
            _ => Self::None,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Signed => "signature checked by the kernel",
            Self::Pinned => "hash pinned by the initrd, signature not checked",
            Self::None => "NOT VERIFIED, see sealboot status",
        }
    }
}
