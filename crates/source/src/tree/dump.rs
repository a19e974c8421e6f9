//! Golden text: one line a path, in byte order of the paths.
//!
//! ```text
//! d 0755 0:0 0 /
//! f 4755 0:0 1700000000 /bin/su size=7 user.note="old"
//! h /bin/su2 = /bin/su
//! l 0777 0:0 0 /lib -> usr/lib
//! c 0666 0:0 0 /dev/null 1:3
//! ```
//!
//! Type (`d` directory, `f` file, `l` symbolic link, `c` and `b` devices, `p` named pipe,
//! `s` socket, `h` one more hard link of an earlier path), mode in octal, owner:group, mtime
//! in seconds, path, then what the type has, then extended attributes. Bytes other than
//! printable ASCII are `\xNN`; so are spaces and backslashes in names.

use std::collections::HashMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::{Error, Kind, NodeId, Tree};

/// The tree without contents.
pub fn dump(tree: &Tree) -> String {
    lines(tree, &HashMap::new())
}

/// The tree with `sha256=` of each file's content, which is read for it.
pub fn dump_with_contents(tree: &Tree) -> Result<String, Error> {
    let mut hashes = HashMap::new();
    tree.read_contents(&mut |id, _, reader: &mut dyn std::io::Read| {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match reader.read(&mut buffer).map_err(Error::from_read)? {
                0 => break,
                n => hash.update(&buffer[..n]),
            }
        }
        let hex = hash.finalize().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        hashes.insert(id, hex);
        Ok::<_, Error>(())
    })?;
    Ok(lines(tree, &hashes))
}

pub(super) fn lines(tree: &Tree, hashes: &HashMap<NodeId, String>) -> String {
    let mut out = String::new();
    let mut first: HashMap<NodeId, &[u8]> = HashMap::new();
    for (path, id, node) in tree.iter() {
        if let Some(first) = first.get(&id) {
            let _ = writeln!(out, "h /{} = /{}", escape(path), escape(first));
            continue;
        }
        if tree.links(id) > 1 {
            first.insert(id, path);
        }
        let (letter, extra) = match &node.kind {
            Kind::Directory => ('d', String::new()),
            Kind::File(content) => match hashes.get(&id) {
                Some(hash) => ('f', format!(" size={} sha256={hash}", content.size)),
                None => ('f', format!(" size={}", content.size)),
            },
            Kind::Symlink(target) => ('l', format!(" -> {}", escape(target))),
            Kind::CharDevice { major, minor } => ('c', format!(" {major}:{minor}")),
            Kind::BlockDevice { major, minor } => ('b', format!(" {major}:{minor}")),
            Kind::Fifo => ('p', String::new()),
            Kind::Socket => ('s', String::new()),
        };
        let of = &node.metadata;
        let (mode, uid, gid, mtime) = (of.mode, of.uid, of.gid, of.mtime);
        let _ = write!(out, "{letter} {mode:04o} {uid}:{gid} {mtime} /");
        let _ = write!(out, "{}{extra}", escape(path));
        for (name, value) in &of.xattrs {
            let _ = write!(out, " {}=\"{}\"", escape(name), value.escape_ascii());
        }
        out.push('\n');
    }
    out
}

fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'!'..=b'~' if *byte != b'\\' => text.push(char::from(*byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text
}
