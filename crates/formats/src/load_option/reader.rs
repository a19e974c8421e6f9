//! Bytes → [`LoadOption`].

use uguid::Guid;
use zerocopy::FromBytes;

use super::format::{
    END, END_ENTIRE, FILE_PATH, GPT, HARD_DRIVE, HardDrive, Header, MEDIA, NodeHeader,
};
use super::{LoadOption, Node};

/// Why bytes are no boot entry.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("boot entry: the {what} at offset {offset} {problem}")]
pub struct Error {
    /// Which part.
    pub what: &'static str,
    /// Where it is, in bytes.
    pub offset: usize,
    /// What is wrong with it.
    pub problem: &'static str,
}

const CUT: &str = "is cut off";

/// Reads a boot entry. What is read is written as the same bytes again.
///
/// # Errors
///
/// When a length leads outside, or the description is no text.
pub fn read(bytes: &[u8]) -> Result<LoadOption, Error> {
    // 1. Attributes and the length of the paths.
    let wrong = |what, offset, problem| Error {
        what,
        offset,
        problem,
    };
    let (header, rest) = Header::read_from_prefix(bytes).map_err(|_| wrong("header", 0, CUT))?;

    // 2. The description, up to its NUL.
    let start = size_of::<Header>();
    let units = units(rest);
    let length = units.iter().position(|unit| *unit == 0).ok_or(wrong(
        "description",
        start,
        "does not end",
    ))?;
    let text = units.get(..length).unwrap_or_default();
    let description =
        String::from_utf16(text).map_err(|_| wrong("description", start, "is not UTF-16"))?;

    // 3. The device paths, and what is left.
    let skipped = (length + 1) * 2;
    let at = start + skipped;
    let rest = rest.get(skipped..).unwrap_or_default();
    let (paths, data) = rest
        .split_at_checked(header.paths_length.get().into())
        .ok_or(wrong("device path", at, CUT))?;
    Ok(LoadOption {
        attributes: header.attributes.get(),
        description,
        paths: read_paths(paths, at)?,
        data: data.to_vec(),
    })
}

/// The paths, which start at byte `at` of the entry.
fn read_paths(bytes: &[u8], at: usize) -> Result<Vec<Vec<Node>>, Error> {
    let (mut paths, mut path) = (Vec::new(), Vec::new());
    let mut rest = bytes;
    while !rest.is_empty() {
        let wrong = |problem| Error {
            what: "device path's node",
            offset: at + bytes.len() - rest.len(),
            problem,
        };
        let (header, _) = NodeHeader::read_from_prefix(rest).map_err(|_| wrong(CUT))?;
        let length = usize::from(header.length.get());
        let (node, after) = rest.split_at_checked(length).ok_or(wrong(CUT))?;
        let data = node
            .get(size_of::<NodeHeader>()..)
            .ok_or(wrong("is shorter than its own header"))?;
        if (header.kind, header.subtype) == (END, END_ENTIRE) {
            if !data.is_empty() {
                return Err(wrong("is the last one, and has content"));
            }
            paths.push(std::mem::take(&mut path));
        } else {
            path.push(read_node(header, data));
        }
        rest = after;
    }
    match path.is_empty() {
        true => Ok(paths),
        false => Err(Error {
            what: "device path",
            offset: at,
            problem: "does not end",
        }),
    }
}

fn read_node(header: NodeHeader, data: &[u8]) -> Node {
    let known = match (header.kind, header.subtype) {
        (MEDIA, HARD_DRIVE) => partition(data),
        (MEDIA, FILE_PATH) => file(data),
        _ => None,
    };
    known.unwrap_or_else(|| Node::Other {
        kind: header.kind,
        subtype: header.subtype,
        data: data.to_vec(),
    })
}

fn partition(data: &[u8]) -> Option<Node> {
    let drive = HardDrive::read_from_bytes(data).ok()?;
    let is_gpt = (drive.format, drive.signature_type) == (GPT, GPT);
    is_gpt.then(|| Node::Partition {
        number: drive.number.get(),
        first_lba: drive.first_lba.get(),
        sectors: drive.sectors.get(),
        guid: Guid::from_bytes(drive.signature),
    })
}

fn file(data: &[u8]) -> Option<Node> {
    let text = data.strip_suffix(&[0, 0])?;
    let units = units(text);
    let whole = text.len().is_multiple_of(2) && !units.contains(&0);
    let path = String::from_utf16(&units).ok();
    path.filter(|_| whole).map(Node::File)
}

/// UTF-16 code units; an odd byte at the end is none.
fn units(bytes: &[u8]) -> Vec<u16> {
    let pairs = bytes.chunks_exact(2).filter_map(|pair| pair.first_chunk());
    pairs.map(|pair| u16::from_le_bytes(*pair)).collect()
}
