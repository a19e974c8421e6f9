//! A tree as a tar stream: ustar headers, and pax records (POSIX.1-2017, pax, "pax Header Block") for
//! what does not fit into them.
//!
//! Parents come before what is in them and files before their further names, as whoever unpacks
//! needs it: directories; whiteouts; links, devices and pipes; files, as their contents are read;
//! hard links.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use source::tree::{Kind, Metadata, Node, NodeId};

use super::{Difference, Error};

/// Longest name and link target in a ustar header, in bytes.
const NAME: usize = 100;

/// Largest numbers of a ustar header: seven octal digits for owners, eleven for sizes and times.
const OWNER: u32 = 0o7777777;
const NUMBER: u64 = 0o77777777777;

/// What names a file that takes another away (image-spec, layer.md, "Whiteouts").
const WHITEOUT: &[u8] = b".wh.";

const BLOCK: usize = 512;

/// Writes the stream with its end. No file is younger than `epoch`, seconds since 1970. Sockets
/// have no place in a tar, and are left out.
pub(super) fn write(layer: &Difference, epoch: u32, out: &mut dyn Write) -> Result<(), Error> {
    let tree = &layer.tree;
    let mut names: BTreeMap<NodeId, Vec<&[u8]>> = BTreeMap::new();
    for (path, id, _) in tree.iter() {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        if name.starts_with(WHITEOUT) {
            return Err(Error::Whiteout(String::from_utf8_lossy(path).into_owned()));
        }
        names.entry(id).or_default().push(path);
    }
    let mut stream = Stream {
        out,
        epoch: i64::from(epoch),
    };
    for (path, _, node) in tree.iter().filter(|(_, _, node)| node.is_directory()) {
        // The root's own entry gives the root its owner and mode.
        let path = if path.is_empty() { b"." } else { path };
        stream.header(&[path, b"/"].concat(), node, 0, None)?;
    }
    for path in &layer.removed {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        let folder = &path[..path.len() - name.len()];
        let place = [folder, WHITEOUT, name].concat();
        let plain = Metadata::root(0o644);
        stream.entry(&place, &plain, b'0', 0, None, (0, 0))?;
    }
    for (id, all) in &names {
        let node = tree.node(*id);
        if !node.is_directory() && node.content().is_none() {
            stream.header(all[0], node, 0, node.symlink())?;
        }
    }
    tree.read_contents(&mut |id, size, content: &mut dyn Read| {
        let path = names.get(&id).and_then(|all| all.first());
        stream.header(path.unwrap_or(&&b""[..]), tree.node(id), size, None)?;
        stream.content(content, size)
    })?;
    for (id, all) in &names {
        let node = tree.node(*id);
        if node.is_directory() || node.kind == Kind::Socket {
            continue;
        }
        for path in &all[1..] {
            stream.link(path, node, all[0])?;
        }
    }
    // Two blocks of zeroes end a tar.
    stream.out.write_all(&[0; 2 * BLOCK])?;
    Ok(())
}

struct Stream<'a> {
    out: &'a mut dyn Write,
    epoch: i64,
}

impl Stream<'_> {
    fn header(
        &mut self,
        path: &[u8],
        node: &Node,
        size: u64,
        target: Option<&[u8]>,
    ) -> Result<(), Error> {
        let (kind, major, minor) = match &node.kind {
            Kind::Directory => (b'5', 0, 0),
            Kind::File(_) => (b'0', 0, 0),
            Kind::Symlink(_) => (b'2', 0, 0),
            Kind::CharDevice { major, minor } => (b'3', *major, *minor),
            Kind::BlockDevice { major, minor } => (b'4', *major, *minor),
            Kind::Fifo => (b'6', 0, 0),
            Kind::Socket => return Ok(()),
        };
        self.entry(path, &node.metadata, kind, size, target, (major, minor))
    }

    /// Another name of a file that the stream has already.
    fn link(&mut self, path: &[u8], node: &Node, first: &[u8]) -> Result<(), Error> {
        self.entry(path, &node.metadata, b'1', 0, Some(first), (0, 0))
    }

    fn entry(
        &mut self,
        path: &[u8],
        metadata: &Metadata,
        kind: u8,
        size: u64,
        target: Option<&[u8]>,
        (major, minor): (u32, u32),
    ) -> Result<(), Error> {
        let mtime = metadata.mtime.min(self.epoch);
        let target = target.unwrap_or_default();
        let mut records = Vec::new();
        let mut add = |key: &[u8], value: &[u8]| records.extend(record(key, value));
        if path.len() > NAME {
            add(b"path", path);
        }
        if target.len() > NAME {
            add(b"linkpath", target);
        }
        for (key, number) in [("uid", metadata.uid), ("gid", metadata.gid)] {
            if number > OWNER {
                add(key.as_bytes(), number.to_string().as_bytes());
            }
        }
        if size > NUMBER {
            add(b"size", size.to_string().as_bytes());
        }
        if !u64::try_from(mtime).is_ok_and(|mtime| mtime <= NUMBER) {
            add(b"mtime", mtime.to_string().as_bytes());
        }
        // A hard link's attributes are the file's.
        if kind != b'1' {
            for (name, value) in &metadata.xattrs {
                add(&[b"SCHILY.xattr.", &name[..]].concat(), value);
            }
        }
        if !records.is_empty() {
            let length = records.len() as u64;
            let plain = Metadata::root(0o644);
            self.block(b"pax", &plain, (0, b'x', length), b"", (0, 0))?;
            self.padded(&records)?;
        }
        self.block(path, metadata, (mtime, kind, size), target, (major, minor))
    }

    /// One ustar header; what does not fit into it is in the pax records before it.
    fn block(
        &mut self,
        path: &[u8],
        metadata: &Metadata,
        (mtime, kind, size): (i64, u8, u64),
        target: &[u8],
        (major, minor): (u32, u32),
    ) -> Result<(), Error> {
        let mut header = tar::Header::new_ustar();
        if let Some(fields) = header.as_ustar_mut() {
            fill(&mut fields.name, path);
            fill(&mut fields.linkname, target);
            fields.typeflag = [kind];
        }
        header.set_mode(u32::from(metadata.mode));
        header.set_uid(u64::from(metadata.uid.min(OWNER)));
        header.set_gid(u64::from(metadata.gid.min(OWNER)));
        header.set_size(size.min(NUMBER));
        header.set_mtime(u64::try_from(mtime).unwrap_or(0).min(NUMBER));
        header.set_device_major(major)?;
        header.set_device_minor(minor)?;
        header.set_cksum();
        self.out.write_all(header.as_bytes())?;
        Ok(())
    }

    /// Exactly `size` bytes: the tree's reader gives an error when there are fewer.
    fn content(&mut self, content: &mut dyn Read, size: u64) -> Result<(), Error> {
        let copied = std::io::copy(&mut content.take(size), self.out)?;
        let padding = (BLOCK as u64 - copied % BLOCK as u64) % BLOCK as u64;
        self.out.write_all(&[0; BLOCK][..padding as usize])?;
        Ok(())
    }

    fn padded(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.content(&mut &bytes[..], bytes.len() as u64)
    }
}

/// As much of it as there is room for.
fn fill(field: &mut [u8], bytes: &[u8]) {
    let length = field.len().min(bytes.len());
    field[..length].copy_from_slice(&bytes[..length]);
}

/// A pax record: `25 mtime=1350244992.023960108\n`, whose number counts itself.
fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while length.to_string().len() + rest != length {
        length = length.to_string().len() + rest;
    }
    [length.to_string().as_bytes(), b" ", key, b"=", value, b"\n"].concat()
}
