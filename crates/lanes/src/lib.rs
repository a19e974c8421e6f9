//! SHA-256 of many equally long messages at once, each in a lane of its own.
//!
//! One message's rounds depend on each other, so a processor that hashes one message mostly
//! waits. With several at a time it has something to do in between, or does all of them with one
//! instruction. Made for the blocks of dm-verity, which are hashed behind a common salt.
//!
//! Specification: FIPS 180-4, sections 5 (padding, initial value) and 6.2 (the computation).
//! `message` cuts messages into chunks, the other modules each compress chunks in one way: `sha_ni`
//! with the processor's own instructions for SHA-256, `avx512` and `avx2` with `wide`, which
//! does each step for one message a vector element, `portable` one message after the other.
//!
//! Calling a function that is compiled for some processors only is `unsafe`: this crate and
//! `linux` are the only ones that do. The functions themselves are safe code.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod constants;
mod implementation;
mod message;
mod pieces;
mod portable;
#[cfg(target_arch = "x86_64")]
mod sha_ni;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod wide;

pub use implementation::Implementation;
pub use message::Hasher;
pub use pieces::Pieces;

/// Size of a hash, in bytes.
pub const HASH_SIZE: usize = 32;

/// What SHA-256 takes in one step.
type Chunk = [u8; 64];

/// The eight words of each lane's hash so far: the first word of all lanes, then the second …
type State<const N: usize> = [[u32; N]; 8];
