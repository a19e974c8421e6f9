//! The ways in which a disk is attached: one row a bus.

use crate::args::Bus;

/// A bus, as QEMU's devices.
#[derive(Debug)]
pub struct Row {
    /// Which one.
    pub bus: Bus,
    /// What all disks hang on, made once.
    pub controller: Option<&'static str>,
    /// What is made for each disk, in this order: `{n}` is its number, `{drive}` its content.
    /// The first has the id `disk{n}`: who takes that away takes all of it.
    pub devices: &'static [&'static str],
    /// Whether a disk can go without the machine's help and come again. QEMU's UAS device
    /// comes back without its disk.
    pub hot: bool,
    /// Whether a power of two is the only size that a disk can have.
    pub power_of_two: bool,
    /// OVMF has no driver: it needs a copy of the disk that it can read.
    pub copy_for_firmware: bool,
}

const PLAIN: Row = Row {
    bus: Bus::Virtio,
    controller: None,
    devices: &["virtio-blk-pci,id=disk{n},{drive},{serial}"],
    hot: false,
    power_of_two: false,
    copy_for_firmware: false,
};

const XHCI: Option<&str> = Some("qemu-xhci,id=usb");

const ROWS: &[Row] = &[
    PLAIN,
    Row {
        bus: Bus::Usb,
        controller: XHCI,
        devices: &["usb-storage,id=disk{n},bus=usb.0,{drive},{serial}"],
        hot: true,
        ..PLAIN
    },
    // OVMF's USB storage driver speaks bulk-only transport alone.
    Row {
        bus: Bus::Uas,
        controller: XHCI,
        devices: &[
            "usb-uas,id=disk{n},bus=usb.0",
            "scsi-hd,bus=disk{n}.0,{drive},{serial}",
        ],
        copy_for_firmware: true,
        ..PLAIN
    },
    Row {
        bus: Bus::Nvme,
        devices: &["nvme,id=disk{n},{drive},{serial}"],
        ..PLAIN
    },
    // The machine has the controller: six ports with these names.
    Row {
        bus: Bus::Sata,
        devices: &["ide-hd,id=disk{n},bus=ide.{n},{drive},{serial}"],
        ..PLAIN
    },
    Row {
        bus: Bus::Scsi,
        controller: Some("virtio-scsi-pci,id=scsi"),
        devices: &["scsi-hd,id=disk{n},bus=scsi.0,{drive},{serial}"],
        hot: true,
        ..PLAIN
    },
    // Debian's OVMF is built without a driver for SD cards. A slot holds one card.
    Row {
        bus: Bus::Mmc,
        devices: &[
            "sdhci-pci,id=disk{n}",
            "sd-card,bus=pcie.0/disk{n}/sd-bus,{drive}",
        ],
        power_of_two: true,
        copy_for_firmware: true,
        ..PLAIN
    },
];

/// What the machine has of them.
pub const SATA_PORTS: usize = 6;

/// How a copy for the firmware is attached. Its node has the name [`COPY_NODE`].
pub const COPY: &str = "usb-storage,id=copy,bus=usb.0,drive=copy,bootindex=0";

/// The node, and the device, of the copy.
pub const COPY_NODE: &str = "copy";

/// The node, and the device, of a disk.
pub fn node(number: usize) -> String {
    format!("disk{number}")
}

impl Row {
    /// The row of a bus.
    pub fn of(bus: Bus) -> &'static Self {
        ROWS.iter().find(|row| row.bus == bus).unwrap_or(&PLAIN)
    }

    /// `-device` values that come before all disks.
    pub fn controllers(&self) -> impl Iterator<Item = &'static str> {
        let copy = self.copy_for_firmware.then_some(XHCI).flatten();
        let copy = copy.filter(|_| self.controller != XHCI);
        self.controller.into_iter().chain(copy)
    }

    /// `-device` values of disk `number`, the first of which is 0. Its content is the block
    /// node of the same name, `disk0`.
    pub fn disk(&self, number: usize) -> impl Iterator<Item = String> {
        let boot = match self.copy_for_firmware {
            true => String::new(),
            false => format!(",bootindex={number}"),
        };
        let drive = format!("drive={}{boot}", node(number));
        self.devices.iter().map(move |device| {
            device
                .replace("{n}", &number.to_string())
                .replace("{drive}", &drive)
                .replace("{serial}", &format!("serial=sealboot-{number}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_bus_has_a_row_of_its_own() {
        for bus in Bus::value_variants() {
            let row = Row::of(*bus);
            assert_eq!(row.bus, *bus);
            let devices: Vec<String> = row.disk(3).collect();
            assert!(devices[0].contains("id=disk3"), "{devices:?}");
            assert!(devices.concat().contains("drive=disk3"), "{devices:?}");
            assert!(!devices.concat().contains('{'), "{devices:?}");
        }
    }
}
