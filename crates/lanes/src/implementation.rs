//! The ways to compress, and which of them this processor has.

use crate::{HASH_SIZE, Hasher, portable};
#[cfg(target_arch = "x86_64")]
use crate::{avx2, avx512, sha_ni};

/// A way to hash. All of them give the same hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Implementation {
    /// Sixteen messages, one in each element of a 512-bit vector.
    Avx512,
    /// Four messages in turn, with the processor's instructions for SHA-256.
    ShaNi,
    /// Eight messages, one in each element of a 256-bit vector.
    Avx2,
    /// One message after the other, with the crate `sha2`.
    Portable,
}

impl Implementation {
    /// The fastest first.
    pub const ALL: [Self; 4] = [Self::Avx512, Self::ShaNi, Self::Avx2, Self::Portable];

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw")
            }
            #[cfg(target_arch = "x86_64")]
            Self::ShaNi => {
                is_x86_feature_detected!("sha")
                    && is_x86_feature_detected!("ssse3")
                    && is_x86_feature_detected!("sse4.1")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512 | Self::ShaNi | Self::Avx2 => false,
            Self::Portable => true,
        }
    }

    /// The first of [`ALL`](Self::ALL) that this processor has.
    pub fn fastest() -> Self {
        let found = Self::ALL.into_iter().find(|way| way.is_available());
        found.unwrap_or(Self::Portable)
    }

    pub(crate) fn hash<const SIZE: usize>(
        self,
        hasher: &Hasher,
        blocks: &[[u8; SIZE]],
        hashes: &mut [[u8; HASH_SIZE]],
    ) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if self.is_available() => {
                hasher.in_lanes(blocks, hashes, |state, lanes| {
                    // SAFETY: it needs a processor with AVX-512 F and BW, which was asked just above.
                    unsafe { avx512::compress(state, lanes) }
                })
            }
            #[cfg(target_arch = "x86_64")]
            Self::ShaNi if self.is_available() => {
                hasher.in_lanes(blocks, hashes, |state, lanes| {
                    // SAFETY: it needs a processor with SHA, SSSE3 and SSE4.1, which was asked just above.
                    unsafe { sha_ni::compress(state, lanes) }
                })
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 if self.is_available() => hasher.in_lanes(blocks, hashes, |state, lanes| {
                // SAFETY: it needs a processor with AVX2, which was asked just above.
                unsafe { avx2::compress(state, lanes) }
            }),
            _ => hasher.in_lanes(blocks, hashes, portable::compress),
        }
    }
}
