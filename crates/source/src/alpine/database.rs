//! What apk leaves behind in a root, beside the packages' files: `/etc/apk/world`, the relations
//! that were wanted, and `/lib/apk/db/installed`, every package with its files. By them apk in the
//! root, and whoever lists what a root is made of, know what is there.
//!
//! The scripts and what triggers them are not written: apk in the root would run them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::apk::{Apk, Checksum};
use super::data::Placed;
use super::relation::Relation;
use crate::tree::{Error, Tree};

const WORLD: &str = "etc/apk/world";
const INSTALLED: &str = "lib/apk/db/installed";

/// The most that is read of what an earlier layer left there, in bytes.
const MOST: u64 = 64 << 20;

/// Adds `apks`, which are in the tree in this order, and what was wanted.
pub(crate) fn record(tree: &mut Tree, wanted: &[Relation], apks: &[Apk]) -> Result<(), Error> {
    let mut world: BTreeSet<String> = before(tree, WORLD)?.lines().map(str::to_owned).collect();
    world.extend(wanted.iter().map(Relation::to_string));
    world.remove("");
    let world: String = world.iter().map(|line| format!("{line}\n")).collect();
    let installed = installed(&before(tree, INSTALLED)?, apks);
    tree.add_file(WORLD, world.into_bytes(), 0o644)?;
    tree.add_file(INSTALLED, installed.into_bytes(), 0o644)?;
    Ok(())
}

/// What is there already; empty when nothing is.
fn before(tree: &Tree, path: &str) -> Result<String, Error> {
    let real = tree.resolve(path).ok();
    let Some(real) = real.filter(|real| tree.get(real).is_some_and(|n| n.content().is_some()))
    else {
        return Ok(String::new());
    };
    Ok(String::from_utf8_lossy(&tree.read(&real, MOST)?).into_owned())
}

/// The database: packages that were there, but for those that come again, and `apks`.
fn installed(before: &str, apks: &[Apk]) -> String {
    let names: BTreeSet<&str> = apks.iter().map(|apk| apk.package().name.as_str()).collect();
    let comes_again = |stanza: &&str| {
        let name = stanza.lines().find_map(|line| line.strip_prefix("P:"));
        name.is_some_and(|name| names.contains(name))
    };
    let stanzas = before.split("\n\n").map(|stanza| stanza.trim_matches('\n'));
    let kept = stanzas.filter(|stanza| !stanza.is_empty() && !comes_again(stanza));
    let mut text: String = kept.map(|stanza| format!("{stanza}\n\n")).collect();
    // The last one that has a path has its file.
    let mut owner: HashMap<&[u8], usize> = HashMap::new();
    for (at, apk) in apks.iter().enumerate() {
        for placed in apk.placed() {
            owner.insert(&placed.path, at);
        }
    }
    for (at, apk) in apks.iter().enumerate() {
        apk.package().fields.write(&mut text);
        let owned = |placed: &&Placed| {
            placed.content.is_none() || owner.get(placed.path.as_slice()) == Some(&at)
        };
        files(apk.placed().iter().filter(owned), &mut text);
        text.push('\n');
    }
    text
}

/// A folder of a package.
#[derive(Default)]
struct Folder<'a> {
    /// Its own entry, when the package has one.
    itself: Option<&'a Placed>,
    /// Name → entry and checksum.
    files: BTreeMap<&'a [u8], (&'a Placed, Checksum)>,
}

/// A package's folders, each with the files in it.
fn files<'a>(placed: impl Iterator<Item = &'a Placed>, into: &mut String) {
    let mut folders: BTreeMap<&[u8], Folder<'_>> = BTreeMap::new();
    // What is not on one line cannot be written down.
    for placed in placed.filter(|placed| !placed.path.contains(&b'\n')) {
        let path = placed.path.as_slice();
        let Some(sum) = placed.content else {
            folders.entry(path).or_default().itself = Some(placed);
            continue;
        };
        let slash = path.iter().rposition(|byte| *byte == b'/');
        let (folder, name) = slash
            .and_then(|at| Some((path.get(..at)?, path.get(at + 1..)?)))
            .unwrap_or((&[], path));
        let folder = folders.entry(folder).or_default();
        folder.files.insert(name, (placed, sum));
    }
    for (path, folder) in folders {
        line(into, "F:", path);
        if let Some(itself) = folder.itself.filter(|itself| !itself.is(0o755)) {
            line(into, "M:", itself.owner().as_bytes());
        }
        for (name, (file, sum)) in folder.files {
            line(into, "R:", name);
            if !file.is(0o644) {
                line(into, "a:", file.owner().as_bytes());
            }
            line(into, "Z:", sum.to_string().as_bytes());
        }
    }
}

fn line(into: &mut String, letter: &str, value: &[u8]) {
    into.push_str(letter);
    into.push_str(&String::from_utf8_lossy(value));
    into.push('\n');
}

impl Placed {
    /// Whether it is root's, with this mode.
    fn is(&self, mode: u16) -> bool {
        (self.uid, self.gid, self.mode) == (0, 0, mode)
    }

    fn owner(&self) -> String {
        format!("{}:{}:{:o}", self.uid, self.gid, self.mode)
    }
}
