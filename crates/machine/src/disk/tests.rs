use std::fs;
use std::io::Cursor;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;

/// Files of a device's folder, with their content.
type Files<'a> = &'a [(&'a str, &'a str)];

/// A folder that stands for `/`, with sysfs and `/proc` as a kernel shows them.
struct Machine(tempfile::TempDir);

impl Machine {
    /// Disks by their place in `/sys/devices`, with their number, and files in their folders.
    fn new(devices: &[(&str, &str, Files<'_>)]) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        let root = machine.0.path();
        for folder in ["sys/class/block", "sys/dev/block", "proc/self"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for (place, number, files) in devices {
            let name = Path::new(place).file_name().unwrap();
            let folder = root.join("sys/devices").join(place);
            fs::create_dir_all(&folder).unwrap();
            for (file, content) in *files {
                machine.write(&format!("sys/devices/{place}/{file}"), content);
            }
            symlink(&folder, root.join("sys/class/block").join(name)).unwrap();
            symlink(&folder, root.join("sys/dev/block").join(number)).unwrap();
        }
        machine
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn mounts(&self, lines: &[&str]) {
        self.write("proc/self/mountinfo", &lines.join("\n"));
    }

    fn disk(&self, name: &str) -> Disk {
        match named(self.0.path(), name).unwrap() {
            Some(Device::Disk(disk)) => *disk,
            other => panic!("{name}: {other:?}"),
        }
    }

    /// The uses of a disk as sentences, and whether the system is on it.
    fn uses(&self, name: &str) -> (Vec<String>, bool) {
        let disk = self.disk(name);
        let uses = disk.uses.iter().map(ToString::to_string).collect();
        (uses, disk.system)
    }
}

const USB: &str = "pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host6/target6:0:0/6:0:0:0/block/sdb";
const SATA: &str = "pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda";
const NVME: &str = "pci0000:00/0000:00:1d.0/0000:02:00.0/nvme/nvme0/nvme0n1";

#[test]
fn a_disk_is_described() {
    let usb_device = "sys/devices/pci0000:00/0000:00:14.0/usb2/2-1";
    let machine = Machine::new(&[
        (
            USB,
            "8:16",
            &[
                ("size", "60063744\n"),
                ("removable", "1\n"),
                ("ro", "0\n"),
                ("diskseq", "12\n"),
                ("device/vendor", "SanDisk \n"),
                ("device/model", "Ultra\x1b[2J         \n"),
                ("queue/logical_block_size", "512\n"),
                ("sdb1/partition", "1\n"),
                ("sdb1/size", "2048\n"),
                ("sdb1/uevent", "DEVNAME=sdb1\nPARTNAME=EFI\n"),
            ],
        ),
        (
            "pci0000:00/virtio1/block/vda",
            "254:0",
            &[("size", "0"), ("device/vendor", "0x1af4")],
        ),
    ]);
    machine.write(&format!("{usb_device}/idVendor"), "0781\n");
    machine.write(&format!("{usb_device}/serial"), "4C530001\n");
    let expected = Disk {
        name: "sdb".to_owned(),
        size: 30_752_636_928,
        sector_size: 512,
        bus: Bus::Usb,
        removable: true,
        read_only: false,
        model: "SanDisk Ultra?[2J".to_owned(),
        serial: "4C530001".to_owned(),
        sequence: Some(12),
        partitions: vec![Partition {
            name: "sdb1".to_owned(),
            number: 1,
            size: 1 << 20,
            label: "EFI".to_owned(),
        }],
        uses: Vec::new(),
        system: false,
    };
    assert_eq!(machine.disk("sdb"), expected);
    // What has no medium can be asked for, and is not in the survey.
    assert_eq!(machine.disk("vda").size, 0);
    assert_eq!(machine.disk("vda").model, "");
    assert_eq!(survey(machine.0.path()).unwrap(), [expected]);
    assert_eq!(named(machine.0.path(), "sdz").unwrap(), None);
    assert!(survey(&machine.0.path().join("nowhere")).is_err());
}

#[test]
fn buses_are_told_apart_and_only_some_disks_can_be_taken_away() {
    let cases: &[(&str, Files<'_>, Bus, bool)] = &[
        (USB, &[], Bus::Usb, true),
        (SATA, &[], Bus::Ata, false),
        (SATA, &[("removable", "1")], Bus::Ata, true),
        (NVME, &[], Bus::Nvme, false),
        (
            "virtual/nvme-subsystem/nvme-subsys0/nvme1n1",
            &[],
            Bus::Nvme,
            false,
        ),
        (
            "platform/soc/mmc0/mmc0:0001/block/mmcblk0",
            &[("device/type", "SD\n")],
            Bus::Sd,
            true,
        ),
        (
            "platform/soc/mmc0/mmc0:0001/block/mmcblk0",
            &[("device/type", "MMC\n")],
            Bus::Emmc,
            false,
        ),
        ("pci0000:00/virtio1/block/vda", &[], Bus::Virtio, false),
        (
            "pci0000:00/virtio2/host2/target2:0:0/2:0:0:0/block/sdc",
            &[],
            Bus::Scsi,
            false,
        ),
        ("virtual/block/loop0", &[], Bus::Virtual, false),
        ("odd/block/odd", &[], Bus::Other, false),
    ];
    for (place, files, bus, removable) in cases {
        let files = [*files, &[("size", "8")]].concat();
        let machine = Machine::new(&[(place, "8:0", &files)]);
        let name = Path::new(place).file_name().unwrap().to_str().unwrap();
        let disk = machine.disk(name);
        assert_eq!((disk.bus, disk.removable), (*bus, *removable), "{place}");
    }
}

/// Two disks with a partition each, and an encrypted LVM volume on the first.
fn stacked() -> Machine {
    let sda1 = format!("{SATA}/sda1");
    let sdb1 = format!("{USB}/sdb1");
    let part: Files<'_> = &[("partition", "1"), ("size", "800")];
    let dm: Files<'_> = &[("size", "8"), ("dm/name", "crypt"), ("slaves/sda1", "")];
    let lvm: Files<'_> = &[("size", "8"), ("dm/name", "vg-root"), ("slaves/dm-0", "")];
    let machine = Machine::new(&[
        (SATA, "8:0", &[("size", "1000")]),
        (&sda1, "8:1", part),
        (USB, "8:16", &[("size", "1000")]),
        (&sdb1, "8:17", part),
        ("virtual/block/dm-0", "253:0", dm),
        ("virtual/block/dm-1", "253:1", lvm),
    ]);
    machine.write(&format!("sys/devices/{sda1}/holders/dm-0"), "");
    machine
}

const PROC: &str = "22 27 0:21 / /proc rw - proc proc rw";

#[test]
fn who_uses_a_disk_is_found_through_what_is_stacked_on_it() {
    let machine = stacked();
    assert_eq!(machine.uses("sdb"), (vec![], false));
    let holder = "sda1 is part of dm-0".to_owned();
    assert_eq!(machine.uses("sda"), (vec![holder.clone()], false));

    machine.mounts(&[PROC, "27 1 253:1 / / rw - ext4 /dev/mapper/vg-root rw"]);
    assert_eq!(machine.uses("sda"), (vec![holder], true));
    assert_eq!(machine.uses("sdb"), (vec![], false));

    machine.mounts(&[
        PROC,
        "40 27 8:17 / /media/a\\040stick rw shared:1 - vfat /dev/sdb1 rw",
    ]);
    let mounted = "sdb1 is mounted at /media/a stick".to_owned();
    assert_eq!(machine.uses("sdb"), (vec![mounted], false));

    machine.mounts(&["40 27 8:17 / /boot/efi rw - vfat /dev/sdb1 rw"]);
    assert!(machine.uses("sdb").1, "the boot partition is on it");
}

#[test]
fn overlays_loops_and_images_lead_to_their_disk() {
    // The release's root, from a loop device on a file of the boot partition; over it an overlay.
    let sdb1 = format!("{USB}/sdb1");
    let file = "/run/sealboot/boot/sealboot/root.squashfs\n";
    let looped: Files<'_> = &[("size", "8"), ("loop/backing_file", file)];
    let image: Files<'_> = &[
        ("size", "8"),
        ("dm/name", "sealboot-root\n"),
        ("slaves/loop0", ""),
    ];
    let machine = Machine::new(&[
        (USB, "8:16", &[("size", "1000")]),
        (&sdb1, "8:17", &[("partition", "1"), ("size", "800")]),
        ("virtual/block/loop0", "7:0", looped),
        ("virtual/block/dm-0", "253:0", image),
    ]);
    let boot = "30 1 8:17 / /run/sealboot/boot ro - vfat /dev/sdb1 ro";
    let below = "31 1 253:0 / /run/sealboot/lower ro - squashfs /dev/mapper/x ro";
    let over = "27 1 0:30 / / rw - overlay overlay rw,lowerdir=/run/sealboot/lower,upperdir=/up";
    let mounted = vec!["sdb1 is mounted at /run/sealboot/boot".to_owned()];
    machine.mounts(&[over, boot]);
    assert_eq!(machine.uses("sdb"), (mounted.clone(), true));

    // The name of the device is enough, and so is the overlay.
    machine.mounts(&[PROC, boot.replace("/run/sealboot/boot", "/mnt").as_str()]);
    assert!(!machine.uses("sdb").1);
    machine.write(
        "sys/devices/virtual/block/loop0/loop/backing_file",
        "/mnt/root.squashfs\n",
    );
    assert!(machine.uses("sdb").1);
    machine.write("sys/devices/virtual/block/dm-0/dm/name", "other");
    assert!(!machine.uses("sdb").1);
    machine.mounts(&[
        over,
        below,
        boot.replace("/run/sealboot/boot", "/mnt").as_str(),
    ]);
    assert!(machine.uses("sdb").1);
}

#[test]
fn members_of_a_btrfs_are_used_though_the_mount_names_another() {
    let machine = stacked();
    machine.write("sys/fs/btrfs/features/raid1", "");
    machine.write("sys/fs/btrfs/5f1c/devices/sdb1", "");
    let used = vec!["sdb1 is part of a mounted btrfs".to_owned()];
    assert_eq!(machine.uses("sdb"), (used, false));
}

#[test]
fn a_partition_is_no_disk() {
    let machine = stacked();
    let expected = Device::Partition {
        name: "sdb1".to_owned(),
        disk: "sdb".to_owned(),
    };
    assert_eq!(named(machine.0.path(), "sdb1").unwrap(), Some(expected));
}

#[test]
fn content_is_recognised_by_its_magic() {
    let kind = |parts: &[(usize, &[u8])]| {
        let mut bytes = vec![0; 0x1_1000];
        for (at, part) in parts {
            bytes[*at..*at + part.len()].copy_from_slice(part);
        }
        let found = content(&mut Cursor::new(bytes))?;
        Some((found.kind, found.label))
    };
    let expected = |kind, label: &str| Some((kind, label.to_owned()));
    assert_eq!(kind(&[]), None);
    assert_eq!(content(&mut Cursor::new([0; 100])), None);
    assert_eq!(
        kind(&[(82, b"FAT32   "), (71, b"SEALBOOT-A ")]),
        expected("FAT32", "SEALBOOT-A")
    );
    assert_eq!(
        kind(&[(82, b"FAT32   "), (71, b"NO NAME    ")]),
        expected("FAT32", "")
    );
    assert_eq!(
        kind(&[(0x438, &[0x53, 0xef]), (0x478, b"data\0junk")]),
        expected("ext2/3/4", "data")
    );
    assert_eq!(
        kind(&[(0, b"LUKS\xba\xbe\x00\x02"), (24, b"a\x1bb\0")]),
        expected("LUKS", "a?b")
    );
    assert_eq!(kind(&[(0, b"LUKS\xba\xbe\x00\x01")]), expected("LUKS", ""));
}
