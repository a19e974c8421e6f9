use std::fmt::Write;

use super::{Error, Kind, Reader};

/// An archive as text: a line for each entry: type and mode, owner, time, size or what stands
/// in its place, path.
pub fn dump(archive: &[u8]) -> Result<String, Error> {
    let mut text = String::new();
    for entry in Reader::new(archive) {
        let entry = entry?;
        let (letter, what) = match entry.kind {
            Kind::Directory => ('d', "-".to_owned()),
            Kind::File(content) => ('-', content.len().to_string()),
            Kind::Symlink(target) => ('l', format!("-> {}", target.escape_ascii())),
            Kind::CharDevice { major, minor } => ('c', format!("{major},{minor}")),
            Kind::BlockDevice { major, minor } => ('b', format!("{major},{minor}")),
            Kind::Fifo => ('p', "-".to_owned()),
            Kind::Socket => ('s', "-".to_owned()),
        };
        let path = entry.path.escape_ascii();
        let (mode, uid, gid, mtime) = (entry.mode, entry.uid, entry.gid, entry.mtime);
        // Writing into a String has no way to fail.
        let _ = writeln!(text, "{letter}{mode:04o} {uid}:{gid} {mtime} {what} {path}");
    }
    Ok(text)
}
