//! A whole disk, held open to be written (kernel: `include/uapi/linux/fs.h`, `block/ioctl.c`).

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{Advice, OFlags, SeekFrom, fadvise};
use rustix::io::Errno;
use rustix::ioctl::{Getter, NoArg, Opcode, Setter, ioctl, opcode};

use crate::Error;

const BLKRRPART: Opcode = opcode::none(0x12, 95);
const BLKZEROOUT: Opcode = opcode::none(0x12, 127);
const BLKGETDISKSEQ: Opcode = opcode::read::<u64>(0x12, 128);

/// Opens a block device for reading and writing past the page cache (`O_DIRECT`), and keeps
/// everybody else who asks for it exclusively away: the kernel refuses (`EBUSY`) when the disk or
/// a partition of it is mounted, swapped to, or part of another device.
pub fn open_exclusive(node: &Path) -> Result<File, Error> {
    let flags = OFlags::EXCL | OFlags::DIRECT;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags.bits() as i32)
        .open(node)
        .map_err(Error::at("cannot open", node))?;
    let kind = file.metadata().map_err(Error::at("cannot look at", node))?;
    match kind.file_type().is_block_device() {
        true => Ok(file),
        false => Err(Error::new(
            "cannot use",
            node.display().to_string(),
            Errno::NOTBLK,
        )),
    }
}

/// Size of an open file or block device, in bytes.
pub fn size(file: &File) -> std::io::Result<u64> {
    Ok(rustix::fs::seek(file, SeekFrom::End(0))?)
}

/// The number that the kernel gave to the medium in this drive: another medium, or another disk
/// of the same name, has another one. `None` where the kernel is older than 5.15.
pub fn sequence(disk: &File) -> std::io::Result<Option<u64>> {
    // SAFETY: BLKGETDISKSEQ writes one u64 through its pointer, and `Getter` has room for it.
    match unsafe { ioctl(disk, Getter::<BLKGETDISKSEQ, u64>::new()) } {
        Ok(number) => Ok(Some(number)),
        Err(Errno::NOTTY | Errno::INVAL) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Makes `length` bytes of an open block device zero, from byte `start` on: both multiples of its
/// sector size. The device does it where it can, else the kernel writes zeroes.
pub fn zero_out(disk: &File, start: u64, length: u64) -> std::io::Result<()> {
    // SAFETY: BLKZEROOUT reads two u64 (start, length) through its pointer and writes nothing;
    // `Setter` keeps them alive during the call.
    unsafe { ioctl(disk, Setter::<BLKZEROOUT, [u64; 2]>::new([start, length])) }?;
    Ok(())
}

/// Asks the kernel to read the disk's partition table anew.
pub fn reread_partitions(disk: &File) -> std::io::Result<()> {
    // SAFETY: BLKRRPART takes no argument.
    unsafe { ioctl(disk, NoArg::<BLKRRPART>::new()) }?;
    Ok(())
}

/// Forgets what is in memory of a file that was synchronised: the next read asks the medium.
pub fn forget_cached(file: &File) -> std::io::Result<()> {
    fadvise(file, 0, None, Advice::DontNeed)?;
    Ok(())
}

/// The parts of a file that hold data, in order: start and end in bytes. Between them are holes,
/// which read as zeroes. Where the file system does not tell, the whole file is data.
pub fn data_ranges(file: &File, size: u64) -> std::io::Result<Vec<(u64, u64)>> {
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < size {
        let start = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(start) => start,
            // No data from here to the end.
            Err(Errno::NXIO) => break,
            Err(Errno::INVAL) => {
                ranges.push((at, size));
                break;
            }
            Err(errno) => return Err(errno.into()),
        };
        let end = rustix::fs::seek(file, SeekFrom::Hole(start))?.min(size);
        if end <= start {
            break;
        }
        ranges.push((start, end));
        at = end;
    }
    Ok(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn holes_are_found() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(10 << 20).unwrap();
        assert_eq!(data_ranges(&file, 10 << 20).unwrap(), []);
        file.write_all_at(&[1; 4096], 1 << 20).unwrap();
        file.write_all_at(&[1; 100], 8 << 20).unwrap();
        let ranges = data_ranges(&file, 10 << 20).unwrap();
        let [first, second] = ranges[..] else {
            panic!("{ranges:?}");
        };
        assert!(first.0 <= 1 << 20 && first.1 >= (1 << 20) + 4096 && first.1 < 8 << 20);
        assert!(second.0 <= 8 << 20 && second.1 >= (8 << 20) + 100 && second.1 < 10 << 20);
        assert_eq!(size(&file).unwrap(), 10 << 20);
    }

    #[test]
    fn a_file_is_no_disk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "x").unwrap();
        let error = open_exclusive(&path).unwrap_err();
        assert!(error.to_string().contains("file"), "{error}");
        let file = File::open(&path).unwrap();
        assert!(zero_out(&file, 0, 512).is_err());
        assert!(reread_partitions(&file).is_err());
        assert_eq!(sequence(&file).unwrap(), None);
    }
}
