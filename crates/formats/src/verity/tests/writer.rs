//! What is hashed while it is written has the tree that is built by reading it.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::*;

/// A file that counts what is read from it, writes at most so many bytes at a time, and fails once.
#[derive(Default)]
struct Counting {
    file: Cursor<Vec<u8>>,
    read: u64,
    most: Option<usize>,
    fail_at: Option<u64>,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = self.most.unwrap_or(usize::MAX).min(bytes.len());
        let failing = |at: &mut u64| self.file.position() >= *at;
        if self.fail_at.take_if(failing).is_some() {
            // Half of it is written, and nobody says so.
            self.file.write_all(&bytes[..most / 2])?;
            return Err(io::Error::other("full"));
        }
        self.file.write(&bytes[..most])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Counting {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

fn put(file: &mut (impl Write + Seek), offset: usize, bytes: &[u8]) {
    file.seek(SeekFrom::Start(offset as u64)).unwrap();
    file.write_all(bytes).unwrap();
}

/// What [`append`] makes of the same data.
fn appended(mut data: Vec<u8>, size: usize) -> (Vec<u8>, Built) {
    data.truncate(size);
    let mut file = Cursor::new(data);
    let built = append(&mut file, size as u64, SALT, UUID, TWO).unwrap();
    (file.into_inner(), built)
}

/// As an image is written: contents behind a gap, some copied from before, tables, and the
/// superblock at last.
#[test]
fn nothing_is_read_again() {
    let data = data(1500);
    let mut file = Counting::default();
    let mut out = HashingWriter::new(&mut file, SALT, TWO).unwrap();
    let mut copy = [0; 5000];
    put(&mut out, 104, &data[104..20_000]);
    out.seek(SeekFrom::Start(6000)).unwrap();
    out.read_exact(&mut copy).unwrap();
    assert_eq!(copy, data[6000..11_000]);
    put(&mut out, 20_000, &data[20_000..1_000_000]);
    put(&mut out, 1_000_000, &data[1_000_000..]);
    put(&mut out, 0, &data[..104]);
    let built = out.finish(data.len() as u64, UUID).unwrap();
    assert_eq!(file.read, copy.len() as u64);
    assert!((file.file.into_inner(), built) == appended(data.clone(), data.len()));
}

/// One block behind the first is written twice: it alone is read.
#[test]
fn what_cannot_be_followed_is_read_back() {
    let mut data = data(1500);
    let mut file = Counting::default();
    let mut out = HashingWriter::new(&mut file, SALT, TWO).unwrap();
    put(&mut out, 0, &data);
    data[700 * 4096 + 5] ^= 1;
    put(&mut out, 700 * 4096 + 5, &data[700 * 4096 + 5..][..1]);
    // The first block is as it is remembered.
    data[9] ^= 1;
    put(&mut out, 9, &data[9..10]);
    let built = out.finish(data.len() as u64, UUID).unwrap();
    assert_eq!(file.read, 4096);
    assert!((file.file.into_inner(), built) == appended(data.clone(), data.len()));
}

#[test]
fn after_a_failure_all_is_read_back() {
    for fail_at in [0, 8000, 8 * 4096] {
        let data = data(10);
        let mut file = Counting {
            fail_at: Some(fail_at),
            ..Counting::default()
        };
        let mut out = HashingWriter::new(&mut file, SALT, TWO).unwrap();
        let mut failed = 0;
        for (index, block) in data.chunks(4000).enumerate() {
            // Who goes on as if nothing had been is not to get a wrong hash for it.
            out.seek(SeekFrom::Start(index as u64 * 4000)).unwrap();
            failed += usize::from(out.write_all(block).is_err());
        }
        let built = out.finish(data.len() as u64, UUID).unwrap();
        assert_eq!(failed, 1);
        let written = file.file.into_inner();
        assert!(written[..data.len()] != data[..]);
        assert!((written.clone(), built) == appended(written, data.len()));
    }
}

#[test]
fn sizes_and_salts_are_checked() {
    let out = HashingWriter::new(Cursor::new(vec![0; 8192]), SALT, TWO).unwrap();
    let error = out.finish(4095, UUID).unwrap_err();
    assert!(matches!(error, Error::DataSize { found: 4095 }), "{error}");
    let out = HashingWriter::new(Cursor::new(Vec::new()), SALT, TWO).unwrap();
    let error = out.finish(0, UUID).unwrap_err();
    assert!(matches!(error, Error::DataSize { found: 0 }), "{error}");
    let error = HashingWriter::new(Cursor::new(Vec::new()), &[0; 257], TWO).err();
    assert!(matches!(error, Some(Error::Salt { found: 257 })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Whatever was there, in whatever order it is written and read.
    #[test]
    fn any_order_gives_the_same_tree(
        before in 0usize..100_000,
        steps in proptest::collection::vec((0usize..100_000, 0usize..30_000, 0u8..10), 0..30),
        most in proptest::option::of(1usize..5000),
        blocks in 1usize..40,
    ) {
        let mut file = Counting { most, ..Counting::default() };
        file.file.get_mut().resize(before, 0xbb);
        let noise = data(40);
        let mut out = HashingWriter::new(&mut file, SALT, TWO).unwrap();
        let mut end = 0;
        for (offset, length, what) in steps {
            let bytes = &noise[offset..][..length];
            match what {
                // Mostly onward.
                0..5 => put(&mut out, end, bytes),
                5..7 => put(&mut out, offset, bytes),
                7 => put(&mut out, offset % 4096, &bytes[..length % 5000]),
                8 => out.write_all(bytes).unwrap(),
                _ => {
                    // Behind the end, too, from where what follows may go on.
                    let offset = SeekFrom::Start(offset as u64);
                    out.seek(offset).unwrap();
                    io::copy(&mut Read::by_ref(&mut out).take(length as u64), &mut io::sink()).unwrap();
                    continue;
                }
            }
            end = end.max(out.stream_position().unwrap() as usize);
        }
        // All that was written, or more or less of it.
        let sizes = [end.next_multiple_of(4096).max(4096), blocks * 4096];
        let size = sizes[end % 2];
        if size > end {
            put(&mut out, size, b"");
            put(&mut out, size - 1, b"!");
        }
        let built = out.finish(size as u64, UUID).unwrap();
        let mut written = file.file.into_inner();
        let (ours, theirs) = (written.clone(), appended(written.clone(), size));
        written.truncate(built.size as usize);
        prop_assert_eq!(&built, &theirs.1);
        prop_assert!(written == theirs.0);
        prop_assert!(ours.len() >= written.len());
    }
}

#[test]
fn every_field_is_shown() {
    use crate::fields::tests::{golden, hostile, nested, of};
    // One block of hashes is not enough: two levels.
    let (file, built) = appended(vec![7; 130 * BLOCK_SIZE], 130 * BLOCK_SIZE);
    let tree = &file[built.hash_offset as usize..];
    let shown = of(tree, fields);
    nested(&shown);
    golden("verity", &shown);
    let root: String = built.root_hash.iter().map(|b| format!("{b:02x}")).collect();
    assert!(
        shown[1]
            .fields
            .iter()
            .any(|field| field.value.starts_with(&root))
    );
    hostile(&tree[..600], 7, |bytes| of(bytes, fields));
}
