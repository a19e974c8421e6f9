//! Builds the hash tree of a file and checks it, with times: `cargo run --release --features
//! build --example hash_tree FILE [THREADS]`. The tree is cut off again.

use std::fs::File;
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::time::Instant;

use formats::verity::{Superblock, append_reading, processors, verify};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("a file is needed")?;
    let threads = match arguments.next() {
        Some(text) => text.parse()?,
        None => processors(),
    };
    let mut file = File::options().read(true).write(true).open(path)?;
    let size = file.metadata()?.len();
    let tree = measure(&mut file, size, threads);
    file.set_len(size)?;
    tree
}

fn measure(
    file: &mut File,
    size: u64,
    threads: NonZeroUsize,
) -> Result<(), Box<dyn std::error::Error>> {
    let (salt, uuid) = ([7; 32], [7; 16]);
    let start = Instant::now();
    let reader = file.try_clone()?;
    let read = |bytes: &mut [u8], offset| reader.read_exact_at(bytes, offset);
    let built = append_reading(file, read, size, &salt, uuid, threads)?;
    say("built", size, start);
    let superblock = Superblock {
        uuid,
        data_blocks: size / 4096,
        salt: salt.to_vec(),
    };
    let start = Instant::now();
    let root = &built.root_hash;
    verify(file, built.hash_offset, &superblock, root, threads)?;
    say("verified", size, start);
    let root: String = root.iter().map(|byte| format!("{byte:02x}")).collect();
    println!("root hash {root}");
    Ok(())
}

fn say(what: &str, size: u64, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    let speed = size as f64 / seconds / 1e6;
    println!("{what} in {seconds:.3} s, {speed:.0} MB/s");
}
