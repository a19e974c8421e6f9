//! A text listing of an image, one line for each path, for tests and for people.

use std::io::{self, Read, Seek, Write};

use super::reader::{Inode, Node, ReadError, Reader};

/// Writes one line for each path: type and mode, owner and group, what the type has (size,
/// device number), modification time, links, path, target; then its extended attributes,
/// indented, values in hex. Bytes of names that are not printable ASCII are escaped.
pub fn dump<R: Read + Seek>(reader: &mut Reader<R>, out: &mut dyn Write) -> Result<(), ReadError> {
    reader.walk(|reader, path, inode| {
        let xattrs = reader.xattrs(inode)?;
        let written = line(out, path, inode).and_then(|()| {
            xattrs.iter().try_for_each(|(name, value)| {
                write!(out, "    {}=0x", name.escape_ascii())?;
                value
                    .iter()
                    .try_for_each(|byte| write!(out, "{byte:02x}"))?;
                writeln!(out)
            })
        });
        written.map_err(|source| ReadError::Output { source })
    })
}

fn line(out: &mut dyn Write, path: &[u8], inode: &Inode) -> io::Result<()> {
    let kind = match inode.node {
        Node::Directory(_) => 'd',
        Node::File(_) => '-',
        Node::Symlink(_) => 'l',
        Node::CharDevice { .. } => 'c',
        Node::BlockDevice { .. } => 'b',
        Node::Fifo => 'p',
        Node::Socket => 's',
    };
    write!(out, "{kind} {:04o} {}:{}", inode.mode, inode.uid, inode.gid)?;
    match &inode.node {
        Node::File(file) => write!(out, " size={}", file.size)?,
        Node::CharDevice { major, minor } | Node::BlockDevice { major, minor } => {
            write!(out, " device={major}:{minor}")?;
        }
        _ => (),
    }
    write!(out, " mtime={}", inode.mtime)?;
    let directory = matches!(inode.node, Node::Directory(_));
    if inode.links > 1 && !directory {
        write!(out, " links={} inode={}", inode.links, inode.number)?;
    }
    write!(out, " /{}", path.escape_ascii())?;
    if let Node::Symlink(target) = &inode.node {
        write!(out, " -> {}", target.escape_ascii())?;
    }
    writeln!(out)
}
