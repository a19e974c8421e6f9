//! [`LoadOption`] → text, nodes as UEFI writes them (section 10.6.1.6).

use std::fmt;

use super::format::ACTIVE;
use super::{LoadOption, Node};

impl fmt::Display for LoadOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.attributes & ACTIVE {
            0 => "not active",
            _ => "active",
        };
        writeln!(f, "boot entry {:?}, {state}", self.description)?;
        for path in &self.paths {
            let nodes: Vec<String> = path.iter().map(ToString::to_string).collect();
            writeln!(f, "  {}", nodes.join("/"))?;
        }
        match self.data.len() {
            0 => Ok(()),
            length => writeln!(f, "  {length} bytes of data"),
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partition {
                number,
                first_lba,
                sectors,
                guid,
            } => write!(f, "HD({number},GPT,{guid},{first_lba:#x},{sectors:#x})"),
            Self::File(path) => f.write_str(path),
            Self::Other {
                kind,
                subtype,
                data,
            } => {
                write!(f, "Path({kind},{subtype},")?;
                data.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str(")")
            }
        }
    }
}
