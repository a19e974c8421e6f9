//! Debian packages, straight from Debian's archive, believed because Debian signed them.
//!
//! The chain, in the order in which it is followed
//! (<https://wiki.debian.org/DebianRepository/Format>):
//!
//! 1. [`Archive`] names mirror, suites, components, architecture and [`Keyring`];
//! 2. each suite's `InRelease` is fetched, its OpenPGP signature checked, then that it is the
//!    suite asked for, not expired, and not older than one seen before ([`Release`]);
//! 3. each component's `Packages.xz` is fetched by the digest that the `InRelease` gives and read
//!    into an [`Index`];
//! 4. [`resolve()`] finds what the wanted packages need;
//! 5. [`download`] fetches each `.deb` by the digest that its `Packages` gives: a [`Deb`] is a
//!    [`Layer`](crate::layer::Layer). No script in it ever runs.
//!
//! Mirrors and everything between them and this machine are not trusted with anything but to be
//! there.

mod archive;
mod clearsign;
mod deb;
pub(crate) mod deb822;
mod error;
mod index;
mod keyring;
mod mirror;
mod package;
mod relation;
mod release;
mod resolve;
mod version;

pub use crate::package::NotAPackage;
pub use crate::resolve::{Error as ResolveError, Follow, Problem};
pub use archive::{Archive, Fetched, download, request};
pub use clearsign::Error as ClearsignError;
pub use deb::{Deb, Error as DebError};
pub use deb822::{Error as Deb822Error, Stanza};
pub use error::Error;
pub use index::{Error as IndexError, Index};
pub use keyring::{Error as KeyringError, Keyring};
pub use mirror::{Mirrors, from_apt_sources};
pub use package::{Origin, Package};
pub use relation::{AnyOf, NotARelation, Operator, Relation};
pub use release::{Error as ReleaseError, Release};
pub use resolve::{NotWanted, Wanted, resolve};
pub use version::{NotAVersion, Version};
