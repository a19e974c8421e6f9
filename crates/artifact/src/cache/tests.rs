//! What is damaged is not there, what is old goes first, and a copy has the bytes of a build.

use std::fs::FileTimes;
use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use formats::squashfs::{self, Compression};
use source::directory;
use source::tree::Tree;

use super::*;
use crate::image::{BuiltImage, Options};

const MAKER: [u8; 32] = [7; 32];

fn store(folder: &Path, limit: u64) -> Store {
    Store::open(folder, limit, MAKER).unwrap()
}

pub(super) fn options() -> Options {
    Options {
        squashfs: squashfs::Options {
            block_size: 4096,
            compression: Compression::Zstd(1),
            threads: NonZeroUsize::MIN,
            earlier: None,
        },
        source_date_epoch: 1_700_000_000,
        salt: b"salt".to_vec(),
        uuid: [7; 16],
    }
}

fn tree() -> Tree {
    let mut tree = Tree::new();
    tree.add_file("a", b"some text ".repeat(5000), 0o644)
        .unwrap();
    tree.add_symlink("b", "a").unwrap();
    tree
}

/// An image's bytes, what is said of it, and whether it was found.
pub(super) fn image(
    store: Option<&Store>,
    tree: &Tree,
    options: &Options,
) -> ((Vec<u8>, BuiltImage), bool) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("image");
    let cached = image::build(store, tree, &out, options, &mut |_| {}).unwrap();
    if let Some(keeping) = cached.keeping {
        keeping.run().unwrap();
    }
    let bytes = fs::read(out).unwrap();
    assert_eq!(bytes.len() as u64, cached.image.size);
    ((bytes, cached.image), cached.found)
}

#[test]
fn a_result_is_found_by_all_that_decides_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 1 << 20);
    let key = store.key("kind", &[b"a", b"bc"]);
    let others = [
        store.key("kind", &[b"ab", b"c"]),
        store.key("kind", &[b"a", b"bc", b""]),
        store.key("kin", &[b"da", b"bc"]),
        Store::open(folder.path(), 1, [8; 32])
            .unwrap()
            .key("kind", &[b"a", b"bc"]),
    ];
    assert_eq!(store.get(&key), None);
    store.put(&key, b"content").unwrap();
    assert_eq!(store.get(&key).as_deref(), Some(&b"content"[..]));
    for other in others {
        assert_ne!(other, key);
        assert_eq!(store.get(&other), None);
        // Under another's name it is none either.
        fs::create_dir_all(store.path(&other).parent().unwrap()).unwrap();
        fs::copy(store.path(&key), store.path(&other)).unwrap();
        assert_eq!(store.get(&other), None);
        assert!(!store.path(&other).exists());
    }
}

#[test]
fn a_damaged_entry_is_a_miss() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 1 << 20);
    let key = store.key("kind", &[]);
    store.put(&key, b"content").unwrap();
    let whole = fs::read(store.path(&key)).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(store.path(&key), &damaged).unwrap();
        assert_eq!(store.get(&key), None, "byte {at}");
        assert!(!store.path(&key).exists());
        fs::write(store.path(&key), &whole[..at]).unwrap();
        assert_eq!(store.get(&key), None, "cut at {at}");
    }
    fs::write(store.path(&key), [&whole[..], b"!"].concat()).unwrap();
    assert_eq!(store.get(&key), None);
    store.put(&key, b"content").unwrap();
    assert!(store.get(&key).is_some());
}

#[test]
fn another_programs_entry_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 1 << 20);
    let key = store.key("kind", &[]);
    let other = Store::open(folder.path(), 1 << 20, [8; 32]).unwrap();
    other.put(&key, b"content").unwrap();
    assert!(other.get(&key).is_some());
    assert_eq!(store.get(&key), None);
}

#[test]
fn the_one_not_used_for_longest_goes_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 1000);
    let keys: Vec<Key> = (0..4).map(|n: u8| store.key("kind", &[&[n]])).collect();
    for (key, age) in keys.iter().zip([40, 30, 20, 10]) {
        store.put(key, &[0; 300]).unwrap();
        let times = FileTimes::new();
        let then = SystemTime::now() - Duration::from_secs(age);
        let file = File::options().write(true).open(store.path(key)).unwrap();
        file.set_times(times.set_modified(then)).unwrap();
    }
    // The oldest is used once more.
    assert!(store.get(&keys[0]).is_some());
    // A build that was killed.
    let left = store.path(&keys[1]).with_file_name(".tmpleft");
    fs::write(&left, [0; 300]).unwrap();
    let old = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
    File::options()
        .write(true)
        .open(&left)
        .unwrap()
        .set_times(old)
        .unwrap();
    store.tidy().unwrap();
    let there = |key: &&Key| store.path(key).exists();
    let there: Vec<&Key> = keys.iter().filter(there).collect();
    assert_eq!(there, [&keys[0], &keys[3]]);
    assert!(!left.exists());
    store.tidy().unwrap();
    assert!(store.get(&keys[3]).is_some());
}

#[test]
fn what_is_larger_than_all_of_it_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 10);
    let key = store.key("kind", &[]);
    store.put(&key, &[0; 11]).unwrap();
    assert!(store.get(&key).is_none());
    store.put(&key, &[0; 10]).unwrap();
    assert!(store.get(&key).is_some());
}

#[test]
fn a_folder_that_others_can_write_to_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    store(folder.path(), 1);
    let made = folder.path().join(FOLDER);
    for mode in [0o777, 0o770] {
        fs::set_permissions(&made, fs::Permissions::from_mode(mode)).unwrap();
        let error = Store::open(folder.path(), 1, MAKER).unwrap_err();
        assert!(matches!(error, Error::Foreign { .. }), "{error}");
    }
    fs::remove_dir(&made).unwrap();
    std::os::unix::fs::symlink("/tmp", &made).unwrap();
    assert!(Store::open(folder.path(), 1, MAKER).is_err());
}

#[test]
fn an_image_is_copied_when_nothing_changed() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 1 << 20);
    let (built, found) = image(None, &tree(), &options());
    assert!(!found);
    assert_eq!(
        image(Some(&store), &tree(), &options()),
        (built.clone(), false)
    );
    assert_eq!(
        image(Some(&store), &tree(), &options()),
        (built.clone(), true)
    );
    let changed = [
        Options {
            source_date_epoch: 5,
            ..options()
        },
        Options {
            salt: b"pepper".to_vec(),
            ..options()
        },
        Options {
            uuid: [8; 16],
            ..options()
        },
        Options {
            squashfs: squashfs::Options {
                compression: Compression::Zstd(2),
                ..options().squashfs
            },
            ..options()
        },
        Options {
            squashfs: squashfs::Options {
                compression: Compression::Lz4,
                ..options().squashfs
            },
            ..options()
        },
        Options {
            squashfs: squashfs::Options {
                block_size: 8192,
                ..options().squashfs
            },
            ..options()
        },
    ];
    for options in changed {
        assert!(!image(Some(&store), &tree(), &options).1, "{options:?}");
    }
    let threads = NonZeroUsize::new(3).unwrap();
    let squashfs = squashfs::Options {
        threads,
        ..options().squashfs
    };
    let found = image(
        Some(&store),
        &tree(),
        &Options {
            squashfs,
            ..options()
        },
    );
    assert_eq!(found, (built, true));
}

#[test]
fn a_damaged_image_is_built_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 1 << 20);
    let (built, _) = image(Some(&store), &tree(), &options());
    let key = image::key(&store, &tree().identity().unwrap().sha256, &options());
    let (entry, beside) = (store.path(&key), store.beside(&key));
    let ats = [
        (&entry, &[0, 40, 80, 100, 136, 167][..]),
        (&beside, &[0, 100, 5000, 8191]),
    ];
    for (path, ats) in ats {
        let whole = fs::read(path).unwrap();
        for at in ats {
            let mut damaged = whole.clone();
            damaged[*at] ^= 0x10;
            fs::write(path, &damaged).unwrap();
            assert_eq!(
                image(Some(&store), &tree(), &options()),
                (built.clone(), false),
                "{at}"
            );
            assert_eq!(fs::read(path).unwrap(), whole);
        }
        for other in [&whole[..whole.len() / 2], &[&whole[..], b"!"].concat()] {
            fs::write(path, other).unwrap();
            assert!(!image(Some(&store), &tree(), &options()).1);
        }
        fs::remove_file(path).unwrap();
        assert!(!image(Some(&store), &tree(), &options()).1);
        assert!(image(Some(&store), &tree(), &options()).1);
    }
    // Another could change it once it was looked at.
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o664)).unwrap();
    assert!(!image(Some(&store), &tree(), &options()).1);
    assert_eq!(image(Some(&store), &tree(), &options()), (built, true));
}

#[test]
fn an_image_goes_with_its_entry() {
    let folder = tempfile::tempdir().unwrap();
    let large = store(folder.path(), 1 << 20);
    image(Some(&large), &tree(), &options());
    let key = image::key(&large, &tree().identity().unwrap().sha256, &options());
    let (entry, beside) = (large.path(&key), large.beside(&key));
    // The file is older than what used it.
    let old = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
    File::open(&beside).unwrap().set_times(old).unwrap();
    large.put(&large.key("other", &[]), &[0; 10]).unwrap();
    let other = large.path(&large.key("other", &[]));
    File::open(&other).unwrap().set_times(old).unwrap();
    let size = || -> u64 {
        let folders = fs::read_dir(folder.path().join(FOLDER)).unwrap();
        let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
        files
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum()
    };
    store(folder.path(), size() - 1).tidy().unwrap();
    assert!(entry.exists() && beside.exists() && !other.exists());
    store(folder.path(), size() - 1).tidy().unwrap();
    assert!(!entry.exists() && !beside.exists());
}

#[test]
fn a_changed_file_changes_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 1 << 20);
    let source = tempfile::tempdir().unwrap();
    let path = source.path().join("file");
    let read = |content: &str| {
        let options = directory::Options {
            owner: directory::Owner::Root,
            mounts: directory::Mounts::Refuse,
        };
        fs::write(&path, content).unwrap();
        let mut tree = directory::read(source.path(), options).unwrap();
        tree.clamp_mtimes(0);
        tree
    };
    let (first, _) = image(Some(&store), &read("one"), &options());
    let (second, found) = image(Some(&store), &read("two"), &options());
    assert!(!found && first != second);
    assert_eq!(image(Some(&store), &read("one"), &options()), (first, true));
}

#[test]
fn two_builds_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (expected, _) = image(None, &tree(), &options());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                // Room for one image: each takes away what the others keep.
                let store = store(folder.path(), expected.0.len() as u64 + 200);
                for _ in 0..20 {
                    assert_eq!(image(Some(&store), &tree(), &options()).0, expected);
                    store.put(&store.key("other", &[]), &[0; 150]).unwrap();
                    store.tidy().unwrap();
                }
            });
        }
    });
}
