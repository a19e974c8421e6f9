//! Reading every block of an image through dm-verity before anything of it is used.
//!
//! dm-verity never hands out a wrong byte, so this protects no secret and no program: it makes
//! that a damaged or changed image is refused here, with words, and not half-way through the
//! root's start, with I/O errors. It also proves that the disk can be read.

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use contract::manifest::Image;
use contract::running;
use linux::device_mapper::Health;
use linux::direct::{ALIGNMENT, Buffer};

use super::WRITE_AGAIN;
use crate::failure::Failure;
use crate::machine::Machine;

/// Bytes per read.
const CHUNK: u64 = 1 << 20;

/// How often the screen says how far it is.
const REMIND: Duration = Duration::from_secs(2);

/// More threads than this wait for one disk anyway.
const THREADS: usize = 16;

/// Reads `image` from end to end, on every processor.
pub(super) fn every_block(machine: &Machine, image: &Image, device: &str) -> Result<(), Failure> {
    let file = machine.system.open_mapped(device).map_err(|error| {
        Failure::new(
            format!("the mapped image {} cannot be read", image.file),
            WRITE_AGAIN,
        )
        .because(&error)
    })?;
    let start = machine.system.now();
    let next = AtomicU64::new(0);
    let wrong = AtomicU64::new(u64::MAX);
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(THREADS);
    std::thread::scope(|scope| {
        let read = || read_chunks(&file, image.data_size, &next, &wrong, |_| {});
        for _ in 1..threads {
            scope.spawn(read);
        }
        // This thread reads, too, and tells how far all of them are.
        let mut told = start;
        read_chunks(&file, image.data_size, &next, &wrong, |offset| {
            let now = machine.system.now();
            if now.saturating_sub(told) >= REMIND {
                told = now;
                machine.say(&format!(
                    "checking {}: {} %",
                    image.file,
                    offset * 100 / image.data_size.max(1)
                ));
            }
        });
    });
    match wrong.load(Ordering::Relaxed) {
        u64::MAX => {
            let took = machine.system.now().saturating_sub(start);
            let size = image.data_size >> 20;
            machine.say(&format!(
                "{} checked: {size} MiB in {}.{:03} s",
                image.file,
                took.as_secs(),
                took.subsec_millis()
            ));
            Ok(())
        }
        offset => Err(refuse(machine, image, &file, offset)),
    }
}

/// Takes one chunk after the other until none is left or one is wrong.
fn read_chunks(
    file: &File,
    size: u64,
    next: &AtomicU64,
    wrong: &AtomicU64,
    mut tell: impl FnMut(u64),
) {
    let mut buffer = Buffer::new(CHUNK as usize);
    while wrong.load(Ordering::Relaxed) == u64::MAX {
        let offset = next.fetch_add(CHUNK, Ordering::Relaxed);
        let Some(left) = size.checked_sub(offset).filter(|left| *left > 0) else {
            return;
        };
        if buffer.read(file, offset, left.min(CHUNK) as usize).is_err() {
            wrong.fetch_min(offset, Ordering::Relaxed);
        }
        tell(offset);
    }
}

/// The failure for a chunk that cannot be read: which block it is, and whether its bytes are
/// wrong or the disk does not give them.
fn refuse(machine: &Machine, image: &Image, file: &File, chunk: u64) -> Failure {
    let mut buffer = Buffer::new(ALIGNMENT);
    let end = image.data_size.min(chunk.saturating_add(CHUNK));
    let mut blocks = (chunk..end).step_by(ALIGNMENT);
    let block =
        blocks.find_map(|offset| Some((offset, buffer.read(file, offset, ALIGNMENT).err()?)));
    let (offset, error) = match block {
        Some((offset, error)) => (offset, Some(error)),
        None => (chunk, None),
    };
    let health = machine.system.health(&running::device(image.name));
    let failure = match health {
        Ok(Some(Health::Corrupted)) => Failure::new(
            format!("the image {} does not match its hash: it was changed or damaged after it was signed", image.file),
            "write the release to this disk again; if that does not help, replace the disk",
        )
        .differs(
            format!("the bytes that root hash {} stands for", image.root_hash),
            format!("other bytes in the block at byte {offset}, or in its hashes"),
        ),
        _ => Failure::new(
            format!("the image {} cannot be read at byte {offset}", image.file),
            "check the disk's cable or plug; if that does not help, replace the disk",
        ),
    };
    match error {
        Some(error) => failure.because(&error),
        None => failure,
    }
}
