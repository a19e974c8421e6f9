//! Files from the network, each known beforehand by its SHA-256 and size.
//!
//! In order: a [`Request`] names a file; the [`Cache`] is asked first and believes nothing but the
//! hash; else the [`Client`] downloads it into a partial file beside its final place, checks size
//! and digest as the bytes stream in, and renames it. What a cut connection left behind is
//! continued with a `Range` request (RFC 9110, section 14), in this run or in a later one.
//!
//! Modules: `client` (settings, certificates), `cache`, `download` (files known beforehand), `checked`
//! (files that whoever asks checks), `part` (the partial file), `unknown` (files that a signature
//! vouches for), `access` (what a server asks for first), `exchange` (what is sent to a server), `signed` (of these, those
//! that may only get newer), `parallel` (several at once), `ahead` (before
//! they are waited for), `failure` (what a failed
//! try means), `digest`, `error`.

mod access;
mod ahead;
mod cache;
mod checked;
mod client;
mod digest;
mod download;
mod error;
mod exchange;
mod failure;
mod parallel;
mod part;
mod signed;
mod unknown;

pub(crate) use access::{Access, is_loopback};
pub use ahead::End;
pub use cache::{Cache, CachedFile};
pub(crate) use checked::CheckedRequest;
pub use client::{Client, Settings};
pub(crate) use digest::Hasher;
pub use digest::{Digest, NotADigest};
pub use download::Request;
pub use error::Error;
pub(crate) use exchange::{Answer, Content, Exchange, Method};
pub(crate) use failure::Failure;
pub(crate) use parallel::in_parallel;
pub(crate) use signed::Signed;

/// Is told about downloads as they go, from several threads at once.
pub trait Progress: Sync {
    /// `done` of `total` bytes of `name` are there.
    ///
    /// The first call gives what an earlier run left or the cache has, the last one `total`.
    fn advance(&self, name: &str, done: u64, total: u64) {
        let _ = (name, done, total);
    }

    /// Something worth a line: a download is tried again, a damaged cache entry is fetched anew.
    fn note(&self, name: &str, text: &str) {
        let _ = (name, text);
    }
}

/// Nobody listens.
impl Progress for () {}
