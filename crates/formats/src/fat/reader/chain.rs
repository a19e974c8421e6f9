//! Chains of clusters: following them through the FAT, and reading what they hold.

use std::io::{Read, Seek, SeekFrom};

use super::{Error, Volume};
use crate::fat::format::{END_OF_CHAIN_MIN, FAT_MASK};

/// The FAT is read in pieces of this many bytes.
const WINDOW: u64 = 4096;

/// Clusters in a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// How many clusters of the file come before it.
    pub(super) index: u32,
    pub(super) cluster: u32,
    pub(super) count: u32,
}

impl<R: Read + Seek> Volume<R> {
    /// Follows a chain to its end, which must come after `limit` clusters, exactly if `exact`.
    ///
    /// A chain with a cycle has no end, so it is refused as too long.
    pub(super) fn chain(
        &mut self,
        owner: &str,
        first: u32,
        limit: u32,
        exact: bool,
    ) -> Result<Vec<Run>, Error> {
        let wrong = |problem, clusters| {
            Err(Error::Chain {
                owner: owner.to_owned(),
                problem,
                clusters,
            })
        };
        let mut runs: Vec<Run> = Vec::new();
        let mut cluster = first;
        for index in 0..limit {
            if !self.geometry.has(cluster) {
                return wrong("leads outside the volume", index);
            }
            match runs.last_mut() {
                Some(run) if run.cluster + run.count == cluster => run.count += 1,
                _ => runs.push(Run {
                    index,
                    cluster,
                    count: 1,
                }),
            }
            cluster = self.next(cluster)?;
            if cluster >= END_OF_CHAIN_MIN {
                if exact && index + 1 < limit {
                    return wrong("ends too early", index + 1);
                }
                return Ok(runs);
            }
        }
        wrong("goes in circles or is too long", limit)
    }

    /// The FAT's entry for a cluster that exists.
    fn next(&mut self, cluster: u32) -> Result<u32, Error> {
        let fat = self.geometry.fat_offset(self.active_fat);
        let offset = fat + 4 * u64::from(cluster);
        let piece = offset - offset % WINDOW;
        if self.window.0 != piece {
            // The volume's last piece can be short.
            let length = WINDOW.min(self.geometry.size().saturating_sub(piece));
            let mut bytes = vec![0; length as usize];
            self.window.0 = u64::MAX;
            self.read_at(piece, &mut bytes)?;
            self.window = (piece, bytes);
        }
        let place = (offset % WINDOW) as usize;
        let entry = self.window.1.get(place..place + 4);
        let entry = entry.and_then(|bytes| bytes.try_into().ok());
        // `geometry` made sure that the FAT has an entry for each cluster.
        Ok(entry.map_or(0, u32::from_le_bytes) & FAT_MASK)
    }

    pub(super) fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> Result<(), Error> {
        self.inner
            .seek(SeekFrom::Start(self.start.saturating_add(offset)))
            .and_then(|_| self.inner.read_exact(bytes))
            .map_err(|source| Error::Read { offset, source })
    }

    /// What is in the clusters.
    pub(super) fn read_runs(&mut self, runs: &[Run]) -> Result<Vec<u8>, Error> {
        let cluster_size = self.geometry.cluster_size as usize;
        let mut bytes = Vec::new();
        for run in runs {
            let old = bytes.len();
            bytes.resize(old + run.count as usize * cluster_size, 0);
            let offset = self.geometry.cluster_offset(run.cluster);
            if let Some(part) = bytes.get_mut(old..) {
                self.read_at(offset, part)?;
            }
        }
        Ok(bytes)
    }
}
