//! Alpine packages, straight from Alpine's archive, believed because Alpine signed them.
//!
//! The chain, in the order in which it is followed (apk-v2(5), apk-package(5)):
//!
//! 1. [`Archive`] names mirror, branch, repositories, architecture and [`Keyring`];
//! 2. each repository's `APKINDEX.tar.gz` is fetched, its RSA signature checked, then that it is of
//!    the branch asked for and not older than one seen before ([`List`]); together they are an
//!    [`Index`];
//! 3. [`resolve()`] finds what the wanted packages need;
//! 4. [`download`] fetches each `.apk` by the checksum that its index gives: an [`Apk`] is a
//!    [`Layer`](crate::layer::Layer) whose signature, control part and data are checked;
//! 5. [`compose()`] merges them, with apk's own records. No script in them ever runs.
//!
//! Mirrors and everything between them and this machine are not trusted with anything but to be
//! there. What Alpine's signatures rest on is SHA-1: SECURITY.md says what that means.

mod apk;
mod applets;
mod archive;
mod compose;
mod data;
mod database;
mod error;
pub(crate) mod fields;
mod index;
mod keyring;
mod member;
mod order;
mod package;
mod relation;
mod resolve;
mod version;

pub use apk::{Apk, Checksum, Error as ApkError, NotAChecksum};
pub use archive::{Archive, PRIMARY, download};
pub use compose::{Error as ComposeError, NotRun, compose};
pub use data::{Error as DataError, NotSigned};
pub use error::Error;
pub use fields::NotFields;
pub use index::{Error as IndexError, Index, List};
pub use keyring::{Error as KeyringError, Keyring, Untrusted};
pub use member::Error as MemberError;
pub use order::Overlap;
pub use package::{Error as PackageError, Package, Provided};
pub use relation::{Constraint, NotARelation, Operator, Relation};
pub use resolve::resolve;
pub use version::{NotAVersion, Version};
