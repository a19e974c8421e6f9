//! Pieces of real packages that lie beside the project: inputs, but not to be kept with it.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::Seed;

/// Most that is taken of anything, in bytes: a fuzzer is as slow as its inputs are long.
const MOST: u64 = 64 << 10;

/// File, the target that takes it, whether it is unpacked first.
const FILES: &[(&str, &str, &str, bool)] = &[
    (
        "alpine-3.16/alpine-baselayout-3.2.0-r23.apk",
        "apk",
        "baselayout",
        false,
    ),
    (
        "alpine-3.16/alpine-baselayout-3.2.0-r23.apk",
        "layer",
        "baselayout",
        false,
    ),
    ("alpine-3.16/APKINDEX.tar.gz", "layer", "index", true),
    (
        "alpine-minirootfs-3.20.3-x86_64.tar.gz",
        "layer",
        "minirootfs",
        true,
    ),
];

/// The start of the list that is in the index.
const INDEX: (&str, &[u8]) = ("alpine-3.16/APKINDEX.tar.gz", b"C:Q1");

pub(crate) fn seeds(data: &Path) -> io::Result<Vec<Seed>> {
    let unpacked = |bytes: &[u8]| {
        let mut start = Vec::new();
        let mut stream = flate2::read::MultiGzDecoder::new(bytes).take(MOST);
        stream.read_to_end(&mut start).map(|_| start)
    };
    let mut seeds = Vec::new();
    for (file, target, name, packed) in FILES {
        let bytes = fs::read(data.join(file))?;
        let bytes = if *packed { unpacked(&bytes)? } else { bytes };
        seeds.push((*target, *name, bytes));
    }
    let (file, first) = INDEX;
    let index = unpacked(&fs::read(data.join(file))?)?;
    let start = index
        .windows(first.len())
        .position(|window| window == first);
    let list = &index[start.unwrap_or_default()..];
    seeds.push(("apk_index", "real", list.to_vec()));
    Ok(seeds)
}
