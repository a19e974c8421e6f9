//! How far a build is.

use std::io::{self, Read};

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Files' contents are read and compressed. Counts uncompressed bytes.
    Contents,
    /// Inodes and directories are written. One unit.
    Tables,
    /// The hash tree is written; its hashes were computed before. Counts bytes of the image.
    Hashes,
}

/// How far one step is. Each step begins with `done` 0 and ends with `done` equal to `total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which step.
    pub step: Step,
    /// How much of it is done.
    pub done: u64,
    /// How much it is in all.
    pub total: u64,
}

/// Bytes between two reports.
const INTERVAL: u64 = 1 << 20;

pub(super) struct Report<'a> {
    now: Progress,
    told: u64,
    tell: &'a mut dyn FnMut(Progress),
}

impl<'a> Report<'a> {
    pub(super) fn new(step: Step, total: u64, tell: &'a mut dyn FnMut(Progress)) -> Self {
        let now = Progress {
            step,
            done: 0,
            total,
        };
        tell(now);
        Self { now, told: 0, tell }
    }

    fn advance(&mut self, bytes: usize) {
        self.now.done = self
            .now
            .total
            .min(self.now.done.saturating_add(bytes as u64));
        if self.now.done - self.told >= INTERVAL {
            self.told = self.now.done;
            (self.tell)(self.now);
        }
    }

    pub(super) fn finish(&mut self) {
        self.now.done = self.now.total;
        (self.tell)(self.now);
    }
}

/// Reports every byte that is read.
pub(super) struct Watched<'r, 'a, F> {
    inner: F,
    report: &'r mut Report<'a>,
}

impl<'r, 'a, F> Watched<'r, 'a, F> {
    pub(super) fn new(inner: F, report: &'r mut Report<'a>) -> Self {
        Self { inner, report }
    }
}

impl<F: Read> Read for Watched<'_, '_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.report.advance(read);
        Ok(read)
    }
}
