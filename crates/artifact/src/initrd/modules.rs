//! The modules of the generic initrd: what finds and maps the images on any machine.

/// Modules that belong together, and why they are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModuleGroup {
    /// A short name for lists of sizes.
    pub name: &'static str,
    /// What would not boot, or not be seen, without them.
    pub reason: &'static str,
    /// Names, or patterns of names. What they depend on comes along. A kernel may have any of
    /// them built in, or not at all.
    pub modules: &'static [&'static str],
}

/// The default list. Network, RAID over several disks, encryption and graphics come from the
/// modules image, after it is mapped.
pub const DEFAULT_MODULES: &[ModuleGroup] = &[
    ModuleGroup {
        name: "images",
        reason: "to map and mount the images: loop over a file on FAT, dm-verity, squashfs, overlay",
        modules: &["loop", "dm-mod", "dm-verity", "squashfs", "overlay"],
    },
    ModuleGroup {
        name: "hashes",
        reason: "dm-verity checks every block with SHA-256: several times faster with the CPU's instructions",
        modules: &["sha256_ssse3", "sha256_ni", "sha256_generic", "sha256"],
    },
    ModuleGroup {
        name: "file systems",
        reason: "the boot partition is FAT, whose names need these tables; ext4 for the state partition",
        modules: &[
            "vfat",
            "nls_cp437",
            "nls_iso8859_1",
            "nls_utf8",
            "nls_ascii",
            "ext4",
        ],
    },
    ModuleGroup {
        name: "firmware",
        reason: "to know the partition started from, and to leave a panic's last words",
        modules: &["efivarfs", "efi_pstore"],
    },
    ModuleGroup {
        name: "nvme",
        reason: "NVMe disks, also behind Intel's RAID mode (VMD)",
        modules: &["nvme", "vmd"],
    },
    ModuleGroup {
        name: "ata",
        reason: "SATA disks, and the older ATA controllers that machines and QEMU still have",
        modules: &[
            "ahci",
            "ata_piix",
            "ata_generic",
            "sata_nv",
            "sata_sil",
            "sata_sil24",
            "sata_mv",
            "sata_via",
            "sata_promise",
            "pata_amd",
            "pata_atiixp",
            "pata_jmicron",
            "pata_marvell",
            "pata_sch",
            "pata_via",
        ],
    },
    ModuleGroup {
        name: "scsi",
        reason: "disks and DVDs behind any controller",
        modules: &["sd_mod", "sr_mod"],
    },
    ModuleGroup {
        name: "server controllers",
        reason: "SAS and RAID controllers of servers",
        modules: &[
            "megaraid_sas",
            "mpt3sas",
            "mpi3mr",
            "mptsas",
            "hpsa",
            "smartpqi",
            "aacraid",
            "arcmsr",
            "3w_9xxx",
            "3w_sas",
            "mvsas",
            "isci",
            "pm80xx",
        ],
    },
    ModuleGroup {
        name: "virtio",
        reason: "KVM and the clouds built on it",
        modules: &["virtio_pci", "virtio_mmio", "virtio_blk", "virtio_scsi"],
    },
    ModuleGroup {
        name: "hyper-v",
        reason: "Hyper-V and Azure: their disks, their disks on PCI, their keyboard",
        modules: &["hv_vmbus", "hv_storvsc", "pci_hyperv", "hyperv_keyboard"],
    },
    ModuleGroup {
        name: "vmware",
        reason: "VMware's own controllers; its NVMe and AHCI are plain ones",
        modules: &["vmw_pvscsi", "mptspi"],
    },
    ModuleGroup {
        name: "xen",
        reason: "Xen and the older instances of Amazon",
        modules: &["xen_blkfront", "xen_scsifront"],
    },
    ModuleGroup {
        name: "usb storage",
        reason: "USB sticks and disks on every kind of host controller",
        modules: &[
            "xhci_pci",
            "xhci_pci_renesas",
            "xhci_hcd",
            "ehci_pci",
            "ohci_pci",
            "uhci_hcd",
            "usb_storage",
            "uas",
        ],
    },
    ModuleGroup {
        name: "sd cards",
        reason: "SD cards and eMMC of tablets, thin clients and boards",
        modules: &[
            "mmc_block",
            "sdhci_pci",
            "sdhci_acpi",
            "rtsx_pci_sdmmc",
            "rtsx_usb_sdmmc",
        ],
    },
    ModuleGroup {
        name: "keyboards",
        reason: "to answer and to scroll before the root runs: USB (some need a driver of their own), PS/2, I2C",
        modules: &[
            "usbhid",
            "hid_generic",
            "hid_apple",
            "hid_logitech_dj",
            "hid_microsoft",
            "i2c_hid_acpi",
            "i8042",
            "atkbd",
        ],
    },
    ModuleGroup {
        name: "watchdogs",
        reason: "a machine that hangs restarts, and the other slot gets its turn",
        modules: &[
            // They make the device that iTCO_wdt drives.
            "lpc_ich",
            "i2c_i801",
            "iTCO_wdt",
            "sp5100_tco",
            "wdat_wdt",
            "i6300esb",
            "hpwdt",
            "softdog",
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_is_named_once_and_every_group_says_why() {
        let mut seen = std::collections::BTreeSet::new();
        for group in DEFAULT_MODULES {
            assert!(!group.reason.is_empty() && !group.modules.is_empty());
            for module in group.modules {
                assert!(seen.insert(module), "{module} is there twice");
                assert!(
                    !module.contains('-') || module.starts_with("dm-"),
                    "{module}"
                );
            }
        }
    }
}
