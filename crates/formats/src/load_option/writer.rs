//! [`LoadOption`] → bytes.

use zerocopy::IntoBytes;
use zerocopy::byteorder::little_endian::{U16, U32, U64};

use super::format::{
    END, END_ENTIRE, FILE_PATH, GPT, HARD_DRIVE, HardDrive, Header, MEDIA, NodeHeader,
};
use super::{LoadOption, Node};

/// Why a boot entry cannot be written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// A NUL would end it.
    #[error("boot entry: {0:?} has a NUL in it")]
    Nul(String),
    /// The lengths of nodes and paths have 16 bits.
    #[error("boot entry: its device paths are longer than 65535 bytes")]
    Long,
}

/// The bytes of a boot entry.
///
/// # Errors
///
/// See [`WriteError`].
pub fn write(option: &LoadOption) -> Result<Vec<u8>, WriteError> {
    let mut paths = Vec::new();
    for path in &option.paths {
        for node in path {
            append(&mut paths, node)?;
        }
        append_bytes(&mut paths, END, END_ENTIRE, &[])?;
    }
    let header = Header {
        attributes: U32::new(option.attributes),
        paths_length: U16::new(u16::try_from(paths.len()).map_err(|_| WriteError::Long)?),
    };
    let description = text(&option.description)?;
    Ok([header.as_bytes(), &description, &paths, &option.data].concat())
}

fn append(out: &mut Vec<u8>, node: &Node) -> Result<(), WriteError> {
    match node {
        Node::Partition {
            number,
            first_lba,
            sectors,
            guid,
        } => {
            let drive = HardDrive {
                number: U32::new(*number),
                first_lba: U64::new(*first_lba),
                sectors: U64::new(*sectors),
                signature: guid.to_bytes(),
                format: GPT,
                signature_type: GPT,
            };
            append_bytes(out, MEDIA, HARD_DRIVE, drive.as_bytes())
        }
        Node::File(path) => append_bytes(out, MEDIA, FILE_PATH, &text(path)?),
        Node::Other {
            kind,
            subtype,
            data,
        } => append_bytes(out, *kind, *subtype, data),
    }
}

fn append_bytes(out: &mut Vec<u8>, kind: u8, subtype: u8, data: &[u8]) -> Result<(), WriteError> {
    let length = size_of::<NodeHeader>() + data.len();
    let header = NodeHeader {
        kind,
        subtype,
        length: U16::new(u16::try_from(length).map_err(|_| WriteError::Long)?),
    };
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(data);
    Ok(())
}

/// UTF-16 with a NUL at its end.
fn text(text: &str) -> Result<Vec<u8>, WriteError> {
    if text.contains('\0') {
        return Err(WriteError::Nul(text.to_owned()));
    }
    let units = text.encode_utf16().chain([0]);
    Ok(units.flat_map(u16::to_le_bytes).collect())
}
