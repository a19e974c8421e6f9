//! Checksums made right: a fuzzer finds none by chance, and all that is behind them would stay
//! unread.

use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::Sparse;

/// In bytes.
const SECTOR: usize = 512;

/// A tar stream whose headers, wherever they are, have the checksum of their bytes (POSIX ustar).
pub fn repair_tar(bytes: &[u8]) -> Vec<u8> {
    let mut tar = bytes.to_vec();
    for magic in 257..tar.len().saturating_sub(5) {
        if &tar[magic..magic + 5] != b"ustar" {
            continue;
        }
        let Some(header) = tar.get_mut(magic - 257..magic - 257 + SECTOR) else {
            break;
        };
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    tar
}

/// Most bytes of a table's entries that are looked at.
const ENTRIES: u64 = 1 << 20;

/// Gives a disk's GPT headers, where they are expected, the right CRCs (UEFI 2.10, section 5.3.2).
pub fn repair_gpt(disk: &mut Sparse, sector: u64) {
    let last = (disk.size() / sector).saturating_sub(1);
    for place in [1, last] {
        // What has no header there is left as it is.
        let _ = repair_header(disk, place * sector, sector);
    }
}

/// The header at byte `start`, and the CRC of the entries that it points at.
fn repair_header(disk: &mut Sparse, start: u64, sector: u64) -> io::Result<()> {
    let header = read(disk, start, sector)?;
    let word = |at: usize| u64::from(u32::from_le_bytes([0, 1, 2, 3].map(|i| header[at + i])));
    let size = word(12).clamp(92, sector);
    let first = (word(72) | word(76) << 32).saturating_mul(sector);
    let entries = read(disk, first, (word(80) * word(84)).min(ENTRIES))?;
    put(disk, start + 88, &crc32fast::hash(&entries).to_le_bytes())?;
    put(disk, start + 16, &[0; 4])?;
    let header = read(disk, start, size)?;
    put(disk, start + 16, &crc32fast::hash(&header).to_le_bytes())
}

fn read(disk: &mut Sparse, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length as usize];
    disk.seek(SeekFrom::Start(offset))?;
    disk.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn put(disk: &mut Sparse, offset: u64, bytes: &[u8]) -> io::Result<()> {
    disk.seek(SeekFrom::Start(offset))?;
    disk.write_all(bytes)
}
