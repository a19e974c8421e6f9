//! The binary index (`*.bin`): a trie from keys to values, as kmod's readers take it.
//!
//! All integers are 32-bit, most significant byte first:
//!
//! 1. magic `b007f457`, version `00020001`, reference to the root node;
//! 2. nodes. A reference is an offset in the low 28 bits and flags above, which say what the
//!    node has: `8` a prefix (a NUL-terminated string: what all keys below share), `2` children
//!    (first and last byte that lead on, then one reference for each byte between them, 0
//!    for none), `4` values (their number, then for each its priority and a NUL-terminated string).
//!
//! kmod's own description is in `tools/depmod.c` (<https://github.com/kmod-project/kmod>). Parents
//! come before their children here, as kmod 34 writes them; kmod 30 wrote children first, and
//! every reader takes both.
//!
//! In order: the constants, `writer` ([`Trie`]), `reader` ([`read()`], [`dump`]).

mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::{dump, read};
pub use writer::Trie;

/// First word of the file.
pub const MAGIC: u32 = 0xb007_f457;
/// Second word: major version 2, minor version 1.
pub const VERSION: u32 = 0x0002_0001;

const PREFIX: u32 = 0x8000_0000;
const VALUES: u32 = 0x4000_0000;
const CHILDREN: u32 = 0x2000_0000;
const OFFSET: u32 = 0x0fff_ffff;

/// Keys are 7-bit.
const LARGEST_BYTE: u8 = 127;

/// What a key leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Lower comes first.
    pub priority: u32,
    /// A module's name, or a line of `modules.dep`.
    pub text: String,
}
