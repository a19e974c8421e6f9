//! A merged tree becomes an image: a squashfs with its dm-verity hash tree behind it.
//!
//! In this order: every name and attribute is checked; contents are streamed into the squashfs,
//! in the tree's order; its tables follow; then the hash tree, whose hashes were computed as the
//! data went by. Same inputs, same bytes.

mod progress;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io::{self, Read, Seek, Write};

use formats::squashfs::{self, FileData, InodeId, StoredBlock};
use formats::verity;
use source::tree::{self, Elsewhere, NodeId, Tree};

pub use progress::{Progress, Step};
use progress::{Report, Watched};

/// How to build an image.
#[derive(Clone, Debug)]
pub struct Options {
    /// Block size, compression level and threads.
    pub squashfs: squashfs::Options,
    /// The image's own time, and the youngest that a file in it can be: seconds since 1970.
    pub source_date_epoch: u32,
    /// Salt of the hash tree: at most 256 bytes. Derived from the inputs, never random.
    pub salt: Vec<u8>,
    /// UUID of the hash tree, likewise.
    pub uuid: [u8; 16],
}

/// What was built: what a release's manifest says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltImage {
    /// Size of the whole, in bytes.
    pub size: u64,
    /// Size of the squashfs with its padding, which the hash tree covers, in bytes.
    pub data_size: u64,
    /// Where the dm-verity superblock starts, in bytes.
    pub hash_offset: u64,
    /// Salt of every hash.
    pub salt: Vec<u8>,
    /// SHA-256 root hash.
    pub root_hash: [u8; 32],
}

/// Why an image could not be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tree cannot be read.
    #[error(transparent)]
    Tree(#[from] tree::Error),
    /// Something in the tree does not fit into a squashfs.
    #[error("the tree does not fit into a squashfs image")]
    Inode(#[from] squashfs::TreeError),
    /// One file's content cannot be stored.
    #[error("putting /{path} into the image failed")]
    Content {
        /// Which file, with bytes that are not printable ASCII escaped.
        path: String,
        /// What went wrong.
        source: squashfs::Error,
    },
    /// The squashfs cannot be written.
    #[error(transparent)]
    Squashfs(#[from] squashfs::Error),
    /// The hash tree cannot be written.
    #[error(transparent)]
    Verity(#[from] verity::Error),
}

/// Builds an image into `out`, from its byte 0 on; an empty file is expected there.
///
/// `progress` is called now and then; see [`Progress`].
pub fn build<F: Read + Write + Seek + Send>(
    tree: &Tree,
    out: &mut F,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<BuiltImage, Error> {
    build_and_list(tree, out, options, &mut Nowhere, progress).map(|(image, _)| image)
}

/// The squashfs alone, without a hash tree; its size in bytes.
pub fn build_squashfs<F: Read + Write + Seek>(
    tree: &Tree,
    out: &mut F,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<u64, Error> {
    squashfs(tree, out, options, &mut Nowhere, progress).map(|written| written.size)
}

/// [`build`], and where the image's blocks are if [`squashfs::Options::earlier`] asks for it. Layers
/// whose contents are `elsewhere` are not read.
pub fn build_and_list<F: Read + Write + Seek + Send>(
    tree: &Tree,
    out: &mut F,
    options: &Options,
    elsewhere: &mut dyn Elsewhere,
    progress: &mut dyn FnMut(Progress),
) -> Result<(BuiltImage, Vec<StoredBlock>), Error> {
    let threads = options.squashfs.threads;
    let mut out = verity::HashingWriter::new(out, &options.salt, threads)?;
    let written = squashfs(tree, &mut out, options, elsewhere, progress)?;
    let mut report = Report::new(Step::Hashes, written.size, progress);
    let verity::Built {
        data_size,
        hash_offset,
        root_hash,
        size,
    } = out.finish(written.size, options.uuid)?;
    report.finish();
    let image = BuiltImage {
        size,
        data_size,
        hash_offset,
        salt: options.salt.clone(),
        root_hash,
    };
    Ok((image, written.blocks))
}

fn squashfs<F: Read + Write + Seek>(
    tree: &Tree,
    out: &mut F,
    options: &Options,
    elsewhere: &mut dyn Elsewhere,
    progress: &mut dyn FnMut(Progress),
) -> Result<squashfs::Written, Error> {
    let (mut inodes, ids) = inodes(tree, options.source_date_epoch)?;
    let mut writer = squashfs::Writer::new(out, options.squashfs.clone())?;

    let contents = ids.keys().filter_map(|id| tree.node(*id).content());
    writer.expect(contents.map(|content| content.size));
    let mut report = Report::new(Step::Contents, tree.totals().bytes, progress);
    tree.read_contents_with(elsewhere, &mut |node, size, content: &mut dyn Read| {
        let mut content = Watched::new(content, &mut report);
        let added = writer.add_data(&mut content, size);
        let data = added.map_err(|source| Error::Content {
            path: path_of(tree, node),
            source,
        })?;
        if let Some(&inode) = ids.get(&node) {
            inodes.set_content(inode, data);
        }
        Ok::<_, Error>(())
    })?;
    report.finish();

    let mut report = Report::new(Step::Tables, 1, progress);
    let written = writer.finish(&inodes, options.source_date_epoch)?;
    report.finish();
    Ok(written)
}

/// For a tree whose contents are where it says.
pub(crate) struct Nowhere;

impl Elsewhere for Nowhere {
    fn has(&self, _: &[u8; 32], _: &mut dyn Iterator<Item = usize>) -> bool {
        false
    }

    fn open(&mut self, _: &[u8; 32], _: usize) -> io::Result<Box<dyn Read + '_>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Every path and its inode, contents still missing.
fn inodes(tree: &Tree, epoch: u32) -> Result<(squashfs::Tree, HashMap<NodeId, InodeId>), Error> {
    let root = tree
        .get("")
        .map_or_else(|| tree::Metadata::root(0o755), |node| node.metadata.clone());
    let mut inodes = squashfs::Tree::new(attributes(&root, epoch))?;
    let mut ids = HashMap::new();
    for (path, id, node) in tree.iter().filter(|(path, _, _)| !path.is_empty()) {
        match ids.get(&id) {
            Some(&inode) => inodes.link(path, inode)?,
            None => {
                let attributes = attributes(&node.metadata, epoch);
                let inode = inodes.insert(path, attributes, kind(&node.kind))?;
                ids.insert(id, inode);
            }
        }
    }
    Ok((inodes, ids))
}

fn attributes(metadata: &tree::Metadata, epoch: u32) -> squashfs::Attributes {
    squashfs::Attributes {
        mode: metadata.mode,
        uid: metadata.uid,
        gid: metadata.gid,
        // Squashfs has 32 bits without a sign: what is older than 1970 becomes 1970.
        mtime: u32::try_from(metadata.mtime.max(0)).map_or(epoch, |mtime| mtime.min(epoch)),
        xattrs: metadata.xattrs.clone(),
    }
}

fn kind(kind: &tree::Kind) -> squashfs::Kind {
    match *kind {
        tree::Kind::Directory => squashfs::Kind::Directory,
        tree::Kind::File(_) => squashfs::Kind::File(FileData::EMPTY),
        tree::Kind::Symlink(ref target) => squashfs::Kind::Symlink(target.clone()),
        tree::Kind::CharDevice { major, minor } => squashfs::Kind::CharDevice { major, minor },
        tree::Kind::BlockDevice { major, minor } => squashfs::Kind::BlockDevice { major, minor },
        tree::Kind::Fifo => squashfs::Kind::Fifo,
        tree::Kind::Socket => squashfs::Kind::Socket,
    }
}

/// The first path of a node, for messages.
fn path_of(tree: &Tree, node: NodeId) -> String {
    let found = tree.iter().find(|(_, id, _)| *id == node);
    found.map_or_else(String::new, |(path, _, _)| path.escape_ascii().to_string())
}
