//! Arbitrary bytes: errors are fine, panics are not.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use proptest::prelude::*;

use super::tar::stream;
use crate::layer::LayerKind::{Archive, Oci};
use crate::layer::TarBytes;
use crate::tree::{Error, Tree};

fn add(tree: &mut Tree, bytes: Vec<u8>, oci: bool) -> Result<(), Error> {
    let kind = if oci { Oci } else { Archive };
    let name = "random".to_owned();
    let bytes = bytes.into();
    tree.add_layer(Arc::new(TarBytes { name, bytes, kind }))
}

/// Whatever was merged, a tree is in order.
fn check(tree: &Tree) {
    let mut seen = BTreeSet::new();
    for (path, id, node) in tree.iter() {
        if let Some(slash) = path.iter().rposition(|byte| *byte == b'/') {
            assert!(tree.get(&path[..slash]).unwrap().is_directory());
        }
        assert!(node.is_directory() || tree.children(path).next().is_none());
        assert!(
            !path
                .split(|byte| *byte == b'/')
                .any(|name| name == b".." || name == b".")
        );
        seen.insert(id);
    }
    let links: u32 = seen.iter().map(|id| tree.links(*id)).sum();
    assert_eq!(links as usize, tree.iter().count());
}

const SEED: &str = "
    d d mode=1777
    f d/f abc mode=4755 uid=7 x:SCHILY.xattr.user.a=b x:mtime=3.5
    l d/l f
    h d/h d/f
    c d/c 1:3
    f d/.wh.x 
    f s x x:GNU.sparse.size=9 x:GNU.sparse.map=8,1
    f d/.wh..wh..opq ";

/// Makes the checksums right again, so that changes get past them.
fn repair(bytes: &mut [u8]) {
    for block in bytes.chunks_exact_mut(512) {
        if &block[257..262] == b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
}

/// The whiteout of a path.
fn whiteout(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((directory, name)) => format!("{directory}/.wh.{name}"),
        None => format!(".wh.{path}"),
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..4096), oci: bool) {
        let _ = add(&mut Tree::new(), bytes, oci);
    }

    #[test]
    fn changed_streams(
        changes in proptest::collection::vec((0usize..12_000, any::<u8>()), 0..8),
        length in 0usize..16_000,
        oci: bool,
        repaired: bool,
    ) {
        let mut bytes = stream(SEED);
        for (at, byte) in changes {
            if let Some(slot) = bytes.get_mut(at) {
                *slot = byte;
            }
        }
        if repaired {
            repair(&mut bytes);
        }
        bytes.truncate(length);
        let mut tree = Tree::new();
        tree.add_file("d/x", *b"lower", 0o644).unwrap();
        let result = add(&mut tree, bytes, oci);
        check(&tree);
        if result.is_ok() && tree.totals().bytes < 1 << 20 {
            let read = tree.read_contents(&mut |_, size, reader: &mut dyn Read| {
                let mut bytes = Vec::new();
                reader.read_to_end(&mut bytes).map_err(Error::from_read)?;
                assert_eq!(bytes.len() as u64, size);
                Ok::<_, Error>(())
            });
            prop_assert!(read.is_ok(), "{read:?}");
        }
    }

    #[test]
    fn random_entries_keep_the_tree_in_order(
        layers in proptest::collection::vec(
            proptest::collection::vec(
                (0usize..8, "[ab]{1}(/[ab]{1}){0,2}", "[ab]{1}(/[ab]{1}){0,2}"),
                0..12,
            ),
            1..4,
        ),
        oci: bool,
    ) {
        let mut tree = Tree::new();
        for entries in layers {
            let lines: Vec<_> = entries.iter().map(|(kind, path, other)| match kind {
                0 | 1 => format!("d {path}"),
                2 => format!("l {path} {other}"),
                3 => format!("l {path} ../{other}"),
                4 => format!("h {path} {other}"),
                5 => format!("f {} ", whiteout(path)),
                6 => format!("f {path}/.wh..wh..opq "),
                _ => format!("f {path} {other}"),
            }).collect();
            let result = add(&mut tree, stream(&lines.join("\n")), oci);
            check(&tree);
            if result.is_err() {
                break;
            }
        }
    }

    /// The `tar` crate as the oracle, where it understands everything.
    #[test]
    fn entries_are_what_the_tar_crate_sees(
        entries in proptest::collection::vec(("[a-z]{1,8}(/[a-z]{1,120}){0,3}", any::<Vec<u8>>(), any::<u32>()), 0..8),
    ) {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content, number) in &entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(number & 0o7777);
            header.set_uid(u64::from(*number));
            header.set_gid(u64::from(number / 3));
            header.set_mtime(u64::from(*number) << 4);
            builder.append_data(&mut header, path, &**content).unwrap();
        }
        let bytes = builder.into_inner().unwrap();
        let mut ours = crate::layer::archive::Archive::new(&*bytes);
        let mut theirs = tar::Archive::new(&*bytes);
        for entry in theirs.entries().unwrap() {
            let mut entry = entry.unwrap();
            let own = ours.next_entry().unwrap().unwrap();
            prop_assert_eq!(&*own.path, &*entry.path_bytes());
            prop_assert_eq!(u64::from(own.uid), entry.header().uid().unwrap());
            prop_assert_eq!(u64::from(own.gid), entry.header().gid().unwrap());
            prop_assert_eq!(own.mtime.cast_unsigned(), entry.header().mtime().unwrap());
            prop_assert_eq!(u32::from(own.mode), entry.header().mode().unwrap());
            let (mut a, mut b) = (Vec::new(), Vec::new());
            ours.content().read_to_end(&mut a).unwrap();
            entry.read_to_end(&mut b).unwrap();
            prop_assert_eq!(a, b);
        }
        prop_assert!(ours.next_entry().unwrap().is_none());
    }
}
