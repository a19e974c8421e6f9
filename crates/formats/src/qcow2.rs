//! qcow2: a disk that is another one with changes, without a copy of it.
//!
//! Specification: QEMU's `docs/interop/qcow2`, version 3 of the format. Every integer is
//! big-endian, every table starts at a multiple of the cluster size.
//!
//! Order of things: header, refcount table, refcount block, L1 table, then for each stretch of
//! changed clusters an L2 table, then the changed clusters. What is not in an L2 table is read
//! from the backing file, and behind its end there are zeros. The backing file is not named in
//! the header: whoever opens the overlay says what lies under it.

use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a cluster.
pub const CLUSTER: u64 = 1 << CLUSTER_BITS;

const CLUSTER_BITS: u32 = 16;
/// `"QFI\xfb"`.
const MAGIC: u32 = 0x5146_49fb;
/// Bytes of a version 3 header without extensions.
const HEADER: u32 = 104;
/// A reference count has 2 to the power of this many bits.
const REFCOUNT_ORDER: u32 = 4;
/// Entries of an L2 table, 8 bytes each.
const L2_ENTRIES: u64 = CLUSTER / 8;
/// Entries of a refcount block, 2 bytes each: more clusters than that need a second block.
const REFCOUNTS: u64 = CLUSTER / 2;
/// In an L1 or L2 entry: nobody else refers to that cluster.
const COPIED: u64 = 1 << 63;

const REFCOUNT_TABLE: u64 = 1;
const REFCOUNT_BLOCK: u64 = 2;
const L1_TABLE: u64 = 3;

/// Why an overlay cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A changed cluster is not on the disk, or is no whole cluster.
    #[error("qcow2: cluster {cluster} with {found} bytes on a disk of {size} bytes")]
    Cluster {
        /// Its number.
        cluster: u64,
        /// Bytes given for it; [`CLUSTER`] are needed.
        found: usize,
        /// Bytes of the disk.
        size: u64,
    },
    /// The disk or the list of changes is larger than this writer needs to know.
    #[error("qcow2: {clusters} clusters are needed; {REFCOUNTS} are supported")]
    Large {
        /// How many.
        clusters: u64,
    },
}

/// The file: a disk of `size` bytes on which `changed` clusters (by number, [`CLUSTER`] bytes
/// each) differ from the backing file.
pub fn overlay(size: u64, changed: &BTreeMap<u64, Vec<u8>>) -> Result<Vec<u8>, Error> {
    for (&cluster, bytes) in changed {
        let there = cluster < size.div_ceil(CLUSTER);
        if !there || bytes.len() as u64 != CLUSTER {
            let found = bytes.len();
            return Err(Error::Cluster {
                cluster,
                found,
                size,
            });
        }
    }
    let l1_entries = size.div_ceil(CLUSTER * L2_ENTRIES);
    let l2_tables: BTreeSet<u64> = changed.keys().map(|cluster| cluster / L2_ENTRIES).collect();
    let l2_start = L1_TABLE + (8 * l1_entries).div_ceil(CLUSTER);
    let data_start = l2_start + l2_tables.len() as u64;
    let clusters = data_start + changed.len() as u64;
    if clusters > REFCOUNTS {
        return Err(Error::Large { clusters });
    }

    let mut file = vec![0; (clusters * CLUSTER) as usize];
    put(&mut file, 0, &header(size, l1_entries));
    let block = (REFCOUNT_BLOCK * CLUSTER).to_be_bytes();
    put(&mut file, REFCOUNT_TABLE * CLUSTER, &block);
    let counts = 1_u16.to_be_bytes().repeat(clusters as usize);
    put(&mut file, REFCOUNT_BLOCK * CLUSTER, &counts);
    let mut l2_place = BTreeMap::new();
    for (place, table) in (l2_start..).zip(l2_tables) {
        let entry = ((place * CLUSTER) | COPIED).to_be_bytes();
        put(&mut file, L1_TABLE * CLUSTER + 8 * table, &entry);
        l2_place.insert(table, place);
    }
    for (place, (cluster, bytes)) in (data_start..).zip(changed) {
        let entry = ((place * CLUSTER) | COPIED).to_be_bytes();
        let table = l2_place[&(cluster / L2_ENTRIES)];
        put(
            &mut file,
            table * CLUSTER + 8 * (cluster % L2_ENTRIES),
            &entry,
        );
        put(&mut file, place * CLUSTER, bytes);
    }
    Ok(file)
}

fn header(size: u64, l1_entries: u64) -> Vec<u8> {
    let word = |value: u32| value.to_be_bytes().to_vec();
    let long = |value: u64| value.to_be_bytes().to_vec();
    let fields = [
        word(MAGIC),
        word(3),
        long(0), // where the backing file's name is
        word(0), // and its length
        word(CLUSTER_BITS),
        long(size),
        word(0), // not encrypted
        word(l1_entries as u32),
        long(L1_TABLE * CLUSTER),
        long(REFCOUNT_TABLE * CLUSTER),
        word(1), // clusters of the refcount table
        word(0), // snapshots
        long(0), // where they are
        long(0), // incompatible features
        long(0), // compatible features
        long(0), // features that a writer must clear
        word(REFCOUNT_ORDER),
        word(HEADER),
    ];
    fields.concat()
}

/// `file` was made large enough for all that is put into it.
fn put(file: &mut [u8], offset: u64, bytes: &[u8]) {
    let offset = offset as usize;
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_that_are_none_are_refused() {
        let whole = vec![0; CLUSTER as usize];
        let cases = [(0, vec![0; 512]), (2, whole)];
        for (cluster, bytes) in cases {
            let found = bytes.len();
            let changed = BTreeMap::from([(cluster, bytes)]);
            let expected = Error::Cluster {
                cluster,
                found,
                size: 2 * CLUSTER,
            };
            assert_eq!(overlay(2 * CLUSTER, &changed), Err(expected));
        }
    }

    #[test]
    fn a_disk_too_large_is_refused_before_memory_is_used() {
        let error = overlay(u64::MAX, &BTreeMap::new()).unwrap_err();
        assert!(matches!(error, Error::Large { .. }), "{error}");
    }

    #[test]
    fn without_changes_it_is_four_clusters() {
        let file = overlay(512, &BTreeMap::new()).unwrap();
        assert_eq!(file.len() as u64, 4 * CLUSTER);
    }
}
