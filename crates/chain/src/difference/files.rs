//! Files of two images of the same name.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::BufReader;
use std::path::Path;

use formats::squashfs::{Inode, Node, ReadError, Reader};
use serde::Serialize;
use source::fetch::Digest;

use crate::{Error, Part};

/// A path that came, went, or is another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// In which image.
    pub image: String,
    /// Where in it, without a leading slash; bytes that are no printable ASCII escaped.
    pub path: String,
    /// What it is in the older one: `file 0644 0:0 123 bytes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// What it is in the newer one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

/// Path → what it is, for people, and the SHA-256 of its content.
type Listed = BTreeMap<Vec<u8>, (String, Option<Digest>)>;

pub(super) fn compare(image: &str, old: &Path, new: &Path) -> Result<Vec<FileChange>, Error> {
    let (old, new) = (list(old)?, list(new)?);
    let mut paths: Vec<&Vec<u8>> = old.keys().chain(new.keys()).collect();
    paths.sort();
    paths.dedup();
    let changed = paths
        .into_iter()
        .filter(|path| old.get(*path) != new.get(*path));
    let said = |listed: &Listed, path: &Vec<u8>| listed.get(path).map(|(what, _)| what.clone());
    let changes = changed.map(|path| FileChange {
        image: image.to_owned(),
        path: path.escape_ascii().to_string(),
        old: said(&old, path),
        new: said(&new, path),
    });
    Ok(changes.collect())
}

/// All of an image but dates: a new date alone is no change that anybody wants to hear of.
fn list(path: &Path) -> Result<Listed, Error> {
    let mut reader = Reader::open(BufReader::new(Part::open(path)?))?;
    let mut listed = Listed::new();
    reader.walk(|reader, path, inode| {
        let (mut what, digest) = kind(reader, inode)?;
        for (name, value) in reader.xattrs(inode)? {
            let (name, value) = (name.escape_ascii(), Digest::of(&value).to_string());
            // Writing into a string cannot fail.
            let _ = write!(what, " {name}={}", value.get(..8).unwrap_or_default());
        }
        listed.insert(path.to_vec(), (what, digest));
        Ok::<_, ReadError>(())
    })?;
    Ok(listed)
}

fn kind(
    reader: &mut Reader<BufReader<Part<'_>>>,
    inode: &Inode,
) -> Result<(String, Option<Digest>), ReadError> {
    let mut digest = None;
    let what = match &inode.node {
        Node::Directory(_) => "directory".to_owned(),
        Node::File(blocks) => {
            let mut content = reader.content(inode)?;
            let hashed = Digest::of_reader(&mut content).map_err(|source| ReadError::Io {
                what: "a file's content",
                offset: 0,
                source,
            })?;
            digest = Some(hashed.0);
            format!("{} bytes", blocks.size)
        }
        Node::Symlink(target) => format!("link to {}", target.escape_ascii()),
        Node::CharDevice { major, minor } => format!("character device {major}:{minor}"),
        Node::BlockDevice { major, minor } => format!("block device {major}:{minor}"),
        Node::Fifo => "pipe".to_owned(),
        Node::Socket => "socket".to_owned(),
    };
    let (mode, uid, gid) = (inode.mode, inode.uid, inode.gid);
    Ok((format!("{what}, {mode:04o} {uid}:{gid}"), digest))
}
