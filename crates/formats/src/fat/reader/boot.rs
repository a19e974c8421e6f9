//! Boot sector → the volume's shape, when every field makes sense.

use super::Error;
use crate::fat::format::{BootSector, ROOT_CLUSTER};
use crate::fat::geometry::Geometry;

/// Checks a boot sector; gives the volume's shape and the number of the FAT to read.
pub(super) fn geometry(boot: &BootSector, size: u64) -> Result<(Geometry, u32), Error> {
    let wrong = |field, found: u64, expected| {
        Err(Error::BootSector {
            field,
            found,
            expected,
        })
    };
    let signature = u16::from_le_bytes(boot.signature).into();
    let sector_size = boot.bytes_per_sector.get();
    let per_cluster = boot.sectors_per_cluster;
    let flags = u32::from(boot.extended_flags.get());
    let fats = u32::from(boot.fats);
    let active_fat = match flags & 0x80 {
        0 => 0,
        _ => flags & 0x0f,
    };
    let cluster_size = u32::from(sector_size) * u32::from(per_cluster);

    // Field, value, whether it is sound, rule.
    let rules: [(&str, u64, bool, &str); 11] = [
        (
            "Signature_word",
            signature,
            signature == 0xaa55,
            "0xaa55 (43605) is needed",
        ),
        (
            "BPB_BytsPerSec",
            sector_size.into(),
            [512, 1024, 2048, 4096].contains(&sector_size),
            "512, 1024, 2048 or 4096 is needed",
        ),
        (
            "BPB_SecPerClus",
            per_cluster.into(),
            per_cluster.is_power_of_two() && cluster_size <= 256 << 10,
            "a power of two, and clusters of at most 256 KiB, are needed",
        ),
        (
            "BPB_RsvdSecCnt",
            boot.reserved_sectors.get().into(),
            boot.reserved_sectors.get() > 0,
            "0 is not possible",
        ),
        (
            "BPB_NumFATs",
            fats.into(),
            (1..=2).contains(&fats),
            "1 or 2 is needed",
        ),
        (
            "BPB_RootEntCnt",
            boot.root_entries.get().into(),
            boot.root_entries.get() == 0,
            "0 is needed: FAT12 and FAT16 are not read",
        ),
        (
            "BPB_FATSz16",
            boot.fat_sectors_16.get().into(),
            boot.fat_sectors_16.get() == 0,
            "0 is needed: FAT12 and FAT16 are not read",
        ),
        (
            "BPB_FATSz32",
            boot.fat_sectors.get().into(),
            boot.fat_sectors.get() > 0,
            "0 is not possible",
        ),
        (
            "BPB_FSVer",
            boot.version.get().into(),
            boot.version.get() == 0,
            "0 is needed",
        ),
        (
            "BPB_ExtFlags",
            flags.into(),
            active_fat < fats,
            "it names a FAT that is not there",
        ),
        (
            "BPB_TotSec32",
            boot.total_sectors.get().into(),
            u64::from(boot.total_sectors.get()) * u64::from(sector_size) <= size,
            "the partition is shorter: is the image cut short?",
        ),
    ];
    for (field, found, sound, expected) in rules {
        if !sound {
            return wrong(field, found, expected);
        }
    }

    let reserved_sectors = u32::from(boot.reserved_sectors.get());
    let fat_sectors = boot.fat_sectors.get();
    let total_sectors = boot.total_sectors.get();
    let data = u64::from(reserved_sectors) + u64::from(fats) * u64::from(fat_sectors);
    let clusters = u64::from(total_sectors).saturating_sub(data) / u64::from(per_cluster);
    let covered = u64::from(fat_sectors) * u64::from(sector_size) / 4;
    // The numbers from 0x0ffffff7 on mean something else than a cluster.
    if clusters + u64::from(ROOT_CLUSTER) > covered.min(0x0fff_fff7) {
        return wrong(
            "BPB_FATSz32",
            fat_sectors.into(),
            "the FAT is too short for the volume's clusters",
        );
    }
    let geometry = Geometry {
        sector_size: sector_size.into(),
        cluster_size,
        reserved_sectors,
        fats,
        fat_sectors,
        total_sectors,
        // Less than the sectors, which have 32 bits.
        clusters: clusters as u32,
    };
    let root = boot.root_cluster.get();
    if !geometry.has(root) {
        return wrong(
            "BPB_RootClus",
            root.into(),
            "no such cluster is on the volume",
        );
    }
    Ok((geometry, active_fat))
}
