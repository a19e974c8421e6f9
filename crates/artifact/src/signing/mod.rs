//! Signing in two passes: what a release needs signed goes, as hashes, to the machine that has the key,
//! and signatures come back.
//!
//! 1. Where a release is built, [`ToSign::of_release`] lists what is to be signed; [`ToSign::files`] are those of
//!    the folder that takes it away, with every message: the exact bytes whose SHA-256 a key signs (RSA PKCS#1 v1.5,
//!    RFC 8017, section 8.2).
//! 2. Where the key is, [`ToSign::read`] takes the folder, believing none of it: a message has the form that its
//!    kind has, and says what the others say, or it is refused. `Display` of a [`ToSign`] is the page that
//!    tells a person what the signatures will allow. [`sign`] makes them.
//! 3. Back where it was built, [`Signatures::read`] verifies each over what lies there. It is a [`Signer`] that knows
//!    these answers only, so that what finishes a release is what makes one in one pass.
//!
//! The files of both folders are in [`format`]; `docs/reference/two-passes.md` describes them for
//! others' signers.
//!
//! [`Signer`]: source::keys::Signer

mod check;
mod error;
pub mod format;
mod page;
mod release;
mod signatures;

pub use check::ToSign;
pub use error::Error;
pub use format::{Item, Kind, Request, UkiItem};
pub use signatures::{Signatures, sign};
