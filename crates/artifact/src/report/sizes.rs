//! Which folders of a tree take its place.

use std::collections::{BTreeMap, HashSet};

use source::tree::Tree;

/// So many folders are told.
const MOST: usize = 12;

/// A folder, with everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its path, without a leading slash; bytes that are no UTF-8 are replaced.
    pub path: String,
    /// What its files hold, in bytes, before compression. A file of several names counts at its first.
    pub bytes: u64,
    /// How many files these are.
    pub files: u64,
}

/// The largest folders, the largest first. Where nearly all of a folder is in one below it, only that one
/// is told.
pub fn largest(tree: &Tree) -> Vec<Folder> {
    let mut folders: BTreeMap<&[u8], (u64, u64)> = BTreeMap::new();
    let mut seen = HashSet::new();
    for (path, id, node) in tree.iter() {
        let Some(content) = node.content().filter(|_| seen.insert(id)) else {
            continue;
        };
        let mut above = path;
        while let Some(end) = above.iter().rposition(|byte| *byte == b'/') {
            above = above.get(..end).unwrap_or_default();
            let (bytes, files) = folders.entry(above).or_default();
            *bytes = bytes.saturating_add(content.size);
            *files += 1;
        }
    }
    let nearly_all = |path: &[u8], bytes: u64| {
        let below = folders.range(path..).skip(1);
        let mut below = below.take_while(|(inner, _)| inner.starts_with(path));
        below.any(|(inner, (size, _))| {
            inner.get(path.len()) == Some(&b'/') && *size >= bytes / 10 * 9
        })
    };
    let told = folders
        .iter()
        .filter(|(path, (bytes, _))| *bytes > 0 && !nearly_all(path, *bytes));
    let told = told.map(|(path, (bytes, files))| Folder {
        path: String::from_utf8_lossy(path).into_owned(),
        bytes: *bytes,
        files: *files,
    });
    let mut told: Vec<Folder> = told.collect();
    told.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.path.cmp(&b.path)));
    told.truncate(MOST);
    told
}
