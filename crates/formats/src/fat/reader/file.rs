//! An open file: reading and seeking over its pieces.

use std::io::{self, Read, Seek, SeekFrom};

use super::Volume;
use super::chain::Run;

/// An open file.
pub struct File<'a, R> {
    pub(super) volume: &'a mut Volume<R>,
    pub(super) runs: Vec<Run>,
    pub(super) size: u64,
    pub(super) position: u64,
}

impl<R> File<'_, R> {
    /// In bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many pieces it is in.
    pub fn fragments(&self) -> usize {
        self.runs.len()
    }

    /// Its pieces in their order: where each starts in the file, and where from the start of the
    /// volume, both in bytes.
    pub fn pieces(&self) -> Vec<(u64, u64)> {
        let geometry = &self.volume.geometry;
        let cluster_size = u64::from(geometry.cluster_size);
        let piece = |run: &Run| {
            let position = u64::from(run.index) * cluster_size;
            (position, geometry.cluster_offset(run.cluster))
        };
        self.runs.iter().map(piece).collect()
    }

    /// Where its content starts, in bytes from the start of the volume; `None` if it is empty.
    pub fn offset(&self) -> Option<u64> {
        let first = self.runs.first()?;
        Some(self.volume.geometry.cluster_offset(first.cluster))
    }
}

impl<R: Read + Seek> Read for File<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let cluster_size = u64::from(self.volume.geometry.cluster_size);
        let left = self.size.saturating_sub(self.position);
        let after = self
            .runs
            .partition_point(|run| u64::from(run.index) * cluster_size <= self.position);
        let Some(run) = after.checked_sub(1).and_then(|index| self.runs.get(index)) else {
            return Ok(0);
        };
        let into_run = self.position - u64::from(run.index) * cluster_size;
        let run_left = (u64::from(run.count) * cluster_size).saturating_sub(into_run);
        let length = left.min(run_left).min(buffer.len() as u64) as usize;
        let Some(part) = buffer.get_mut(..length) else {
            return Ok(0);
        };
        let offset = self.volume.geometry.cluster_offset(run.cluster) + into_run;
        let place = self.volume.start.saturating_add(offset);
        self.volume.inner.seek(SeekFrom::Start(place))?;
        self.volume.inner.read_exact(part)?;
        self.position += length as u64;
        Ok(length)
    }
}

impl<R> Seek for File<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = crate::seek::target(to, self.position, self.size)?;
        Ok(self.position)
    }
}
