//! `veritysetup` makes the same bytes and root hashes, and takes ours.
//!
//! Needs Debian's cryptsetup-bin.

use std::fs::File;
use std::io::{Cursor, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Command, Output};

use formats::verity::{Built, Error, Superblock, append, processors, verify};

const UUID: [u8; 16] = [
    0x5e, 0xa1, 0xb0, 0x07, 0x89, 0xab, 0x4d, 0xef, 0x81, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
];
const UUID_TEXT: &str = "5ea1b007-89ab-4def-8123-456789abcdef";

fn veritysetup(arguments: &[&str]) -> Output {
    tests::output(
        "cryptsetup-bin",
        Command::new("veritysetup").args(arguments),
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn data(blocks: u64) -> Vec<u8> {
    let byte = |index: u64| (index.wrapping_mul(2_654_435_761) >> 13) as u8;
    (0..blocks * 4096).map(byte).collect()
}

fn build(data: &[u8], salt: &[u8]) -> (Vec<u8>, Built) {
    let mut file = Cursor::new(data.to_vec());
    let built = append(&mut file, data.len() as u64, salt, UUID, processors()).unwrap();
    (file.into_inner(), built)
}

fn accepts(path: &Path, built: &Built) -> bool {
    let path = path.to_str().unwrap();
    let offset = built.hash_offset.to_string();
    let root = hex(&built.root_hash);
    veritysetup(&["verify", path, path, &root, "--hash-offset", &offset])
        .status
        .success()
}

/// One data block (no tree at all), full and partly filled levels, two and three levels.
const SIZES: [u64; 8] = [1, 2, 127, 128, 129, 1000, 128 * 128, 128 * 128 + 1];

#[test]
fn trees_are_those_of_veritysetup() {
    let scratch = tempfile::tempdir().unwrap();
    let long = [0xa5; 256];
    let salts: [&[u8]; 3] = [&[], &[1, 2, 3], &long];
    for blocks in SIZES {
        for salt in salts {
            let what = format!("{blocks} blocks, salt of {} bytes", salt.len());
            let data = data(blocks);
            let (ours, built) = build(&data, salt);
            let theirs = scratch.path().join("theirs");
            std::fs::write(&theirs, &data).unwrap();
            let salt = if salt.is_empty() {
                "-".to_owned()
            } else {
                hex(salt)
            };
            let path = theirs.to_str().unwrap();
            let size = data.len().to_string();
            let output = veritysetup(&[
                "format",
                path,
                path,
                "--salt",
                &salt,
                "--uuid",
                UUID_TEXT,
                "--hash-offset",
                &size,
                "--data-blocks",
                &blocks.to_string(),
            ]);
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success(), "{what}: {text}");
            assert!(text.contains(&hex(&built.root_hash)), "{what}: {text}");
            // veritysetup leaves what is behind its superblock's 512 bytes unwritten: zeros.
            assert!(std::fs::read(&theirs).unwrap() == ours, "{what}");
            assert_eq!(ours.len() as u64, built.size, "{what}");
            assert!(accepts(&theirs, &built), "{what}");
        }
    }
}

#[test]
fn veritysetup_and_we_agree_on_what_is_damaged() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("image");
    let (bytes, built) = build(&data(1000), b"salt");
    std::fs::write(&path, &bytes).unwrap();
    assert!(accepts(&path, &built));
    let start = built.hash_offset;
    let superblock = Superblock::parse(&bytes[start as usize..]).unwrap();
    // A data block, the top block, a block below it, and a zero behind the last hash.
    for position in [
        0,
        4096 * 999 + 17,
        start + 4096,
        start + 2 * 4096,
        built.size - 1,
    ] {
        let mut file = File::options().read(true).write(true).open(&path).unwrap();
        let mut put = |byte: u8| {
            file.seek(SeekFrom::Start(position)).unwrap();
            file.write_all(&[byte]).unwrap();
        };
        let byte = bytes[position as usize];
        put(byte ^ 0x40);
        let mut damaged = File::open(&path).unwrap();
        let threads = processors();
        match verify(&mut damaged, start, &superblock, &built.root_hash, threads) {
            Err(Error::Hash { offset, .. }) => assert_eq!(offset, position / 4096 * 4096),
            other => panic!("byte {position}: {other:?}"),
        }
        assert!(
            !accepts(&path, &built),
            "veritysetup takes a flipped bit at byte {position}"
        );
        put(byte);
    }
    assert!(accepts(&path, &built));
    let dumped = veritysetup(&[
        "dump",
        path.to_str().unwrap(),
        "--hash-offset",
        &start.to_string(),
    ]);
    let dumped = String::from_utf8(dumped.stdout).unwrap();
    for line in [UUID_TEXT, "sha256", "73616c74"] {
        assert!(dumped.contains(line), "{line} is not in\n{dumped}");
    }
}
