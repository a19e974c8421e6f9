//! Where a volume's parts are: cluster size, size of the tables, number of clusters.

use crate::gpt::SectorSize;

use super::format::{RESERVED_SECTORS, ROOT_CLUSTER};

/// A volume with fewer clusters is FAT16 to many drivers. fatgen103's bound is 65,525, and it
/// asks to stay 16 away from it.
const CLUSTERS_MIN: u64 = 65_525 + 16;

/// FAT entries above 0x0ffffff6 have other meanings, and two numbers stand for no cluster.
const CLUSTERS_MAX: u64 = 0x0fff_fff6 - 2;

/// Clusters start at a multiple of this, or of their size: no page of the host is cut.
const ALIGNMENT: u64 = 4096;

/// Cluster size by volume size, both in bytes: the largest volume for each. From 260 MiB up
/// as Windows and mkfs.fat choose; below it as large as the least number of clusters allows.
const CLUSTER_SIZES: [(u64, u64); 7] = [
    (512, 66 << 20),
    (1024, 130 << 20),
    (2048, 260 << 20),
    (4096, 8 << 30),
    (8192, 16 << 30),
    (16_384, 32 << 30),
    (32_768, u64::MAX),
];

/// The shape of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// In bytes.
    pub sector_size: u32,
    /// In bytes.
    pub cluster_size: u32,
    /// Sectors before the first FAT.
    pub reserved_sectors: u32,
    /// How many copies of the FAT there are.
    pub fats: u32,
    /// Sectors of each FAT.
    pub fat_sectors: u32,
    /// Sectors of the volume.
    pub total_sectors: u32,
    /// How many clusters there are; they are numbered from 2.
    pub clusters: u32,
}

impl Geometry {
    /// The shape of a volume of that many bytes; `None` if it cannot be FAT32.
    pub(super) fn for_size(sector: SectorSize, size: u64) -> Option<Self> {
        let cluster_size = cluster_sizes(sector)
            .find(|&(_, _, largest)| size <= largest)
            .map(|(cluster_size, ..)| cluster_size)?;
        let geometry = Self::with_cluster_size(sector, size, cluster_size)?;
        (CLUSTERS_MIN..=CLUSTERS_MAX)
            .contains(&geometry.clusters.into())
            .then_some(geometry)
    }

    fn with_cluster_size(sector: SectorSize, size: u64, cluster_size: u64) -> Option<Self> {
        let sector_size = sector.bytes();
        let total = size / sector_size;
        let per_cluster = cluster_size / sector_size;
        let reserved = u64::from(RESERVED_SECTORS);

        // The fewest sectors whose entries cover the clusters that the FATs leave room for:
        // entries >= 2 + (total - reserved - 2 * fat) / per_cluster, solved for `fat`.
        let covered = sector_size / 4 * per_cluster + 2;
        let fat = (total.checked_sub(reserved)? + 2 * per_cluster).div_ceil(covered);

        let unit = cluster_size.max(ALIGNMENT) / sector_size;
        let data = (reserved + 2 * fat).next_multiple_of(unit);
        let clusters = total.checked_sub(data)? / per_cluster;
        Some(Self {
            sector_size: u32::try_from(sector_size).ok()?,
            cluster_size: u32::try_from(cluster_size).ok()?,
            reserved_sectors: u32::try_from(data - 2 * fat).ok()?,
            fats: 2,
            fat_sectors: u32::try_from(fat).ok()?,
            total_sectors: u32::try_from(total).ok()?,
            clusters: u32::try_from(clusters).ok()?,
        })
    }

    /// The size of the volume, in bytes.
    pub fn size(&self) -> u64 {
        u64::from(self.total_sectors) * u64::from(self.sector_size)
    }

    /// Where a FAT starts, in bytes from the start of the volume.
    pub fn fat_offset(&self, number: u32) -> u64 {
        let sector =
            u64::from(self.reserved_sectors) + u64::from(number) * u64::from(self.fat_sectors);
        sector * u64::from(self.sector_size)
    }

    /// Where a cluster starts, in bytes from the start of the volume.
    pub fn cluster_offset(&self, cluster: u32) -> u64 {
        let index = cluster.saturating_sub(ROOT_CLUSTER);
        self.fat_offset(self.fats) + u64::from(index) * u64::from(self.cluster_size)
    }

    /// Whether there is a cluster of that number.
    pub(super) fn has(&self, cluster: u32) -> bool {
        cluster
            .checked_sub(ROOT_CLUSTER)
            .is_some_and(|index| index < self.clusters)
    }
}

/// The least size of a volume, in bytes, whose shape has room for `clusters`, which says how
/// many are needed when they have a given size. `None`: no FAT32 volume is large enough.
pub(super) fn least_size(sector: SectorSize, clusters: impl Fn(u64) -> u64) -> Option<u64> {
    cluster_sizes(sector).find_map(|(cluster_size, above, largest)| {
        let needed = clusters(cluster_size).max(CLUSTERS_MIN);
        if needed > CLUSTERS_MAX {
            return None;
        }
        let least = above.max(needed * cluster_size);
        let mut size = least.next_multiple_of(ALIGNMENT);
        // What the tables take depends on the size; two or three rounds settle it.
        loop {
            let has = match Geometry::with_cluster_size(sector, size, cluster_size) {
                Some(geometry) => u64::from(geometry.clusters),
                None if size / sector.bytes() > u64::from(u32::MAX) => return None,
                None => 0,
            };
            match needed.checked_sub(has) {
                None | Some(0) => break,
                Some(missing) => {
                    size += (missing * cluster_size).next_multiple_of(ALIGNMENT);
                }
            }
        }
        (size <= largest).then_some(size)
    })
}

/// Cluster size; volumes are larger than this; and at most as large as this.
fn cluster_sizes(sector: SectorSize) -> impl Iterator<Item = (u64, u64, u64)> {
    let mut above = 0;
    CLUSTER_SIZES
        .into_iter()
        .filter(move |&(cluster_size, _)| cluster_size >= sector.bytes())
        .map(move |(cluster_size, largest)| {
            let row = (cluster_size, above, largest);
            // The next row's sizes start one page on.
            above = largest.saturating_add(ALIGNMENT);
            row
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTORS: [SectorSize; 2] = [SectorSize::B512, SectorSize::B4096];

    #[test]
    fn every_size_has_a_sound_shape_or_none() {
        for sector in SECTORS {
            let sizes = (1..600)
                .map(|mib| mib << 20)
                .chain((33..45).map(|bit| 1 << bit));
            for size in sizes.flat_map(|size| [size - 512, size, size + 4096, size + 12_345]) {
                let Some(g) = Geometry::for_size(sector, size) else {
                    let too_small = size < least_size(sector, |_| 0).unwrap();
                    let too_large =
                        size / sector.bytes() > u64::from(u32::MAX) || size > CLUSTERS_MAX * 32_768;
                    assert!(too_small || too_large, "{size}");
                    continue;
                };
                assert!(g.size() <= size && g.size() + 4096 > size);
                assert!(u64::from(g.clusters) >= CLUSTERS_MIN);
                let entries = u64::from(g.fat_sectors) * u64::from(g.sector_size) / 4;
                assert!(entries >= u64::from(g.clusters) + 2, "{g:?}");
                // At most one sector is wasted beyond what alignment costs.
                assert!(g.reserved_sectors >= 32 && g.reserved_sectors < 32 + 64);
                let data = g.cluster_offset(2);
                assert_eq!(data % u64::from(g.cluster_size.max(4096)), 0);
                let end = g.cluster_offset(g.clusters + 2);
                assert!(end <= g.size() && end + u64::from(g.cluster_size) > g.size());
            }
        }
    }

    #[test]
    fn the_least_size_is_enough_and_no_page_more() {
        for sector in SECTORS {
            for needed in [0, 70_000, 140_000, 300_000, 3_000_000, 5_000_000] {
                let bytes = |cluster: u64| (needed * 512u64).div_ceil(cluster);
                let size = least_size(sector, bytes).unwrap();
                let g = Geometry::for_size(sector, size).unwrap();
                assert!(u64::from(g.clusters) >= bytes(g.cluster_size.into()));
                // Rounding up to MiB keeps the cluster size.
                let rounded = Geometry::for_size(sector, size.next_multiple_of(1 << 20)).unwrap();
                assert_eq!(rounded.cluster_size, g.cluster_size);
                let less = size - 2 * u64::from(g.cluster_size).max(4096);
                let enough = Geometry::for_size(sector, less)
                    .is_some_and(|g| u64::from(g.clusters) >= bytes(g.cluster_size.into()));
                assert!(!enough, "{needed}: {size}");
            }
        }
        assert_eq!(least_size(SectorSize::B512, |_| 0), Some(34_103_296));
        assert_eq!(least_size(SectorSize::B512, |_| u64::MAX), None);
    }
}
