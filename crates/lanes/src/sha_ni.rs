//! Messages in turn, with the instructions for SHA-256: four rounds of each, then of each the
//! next four. An instruction's outcome is there only after some cycles; the other lanes fill them.

use std::arch::x86_64::*;

use crate::constants::ROUNDS;
use crate::{Chunk, State};

/// Constants of four rounds each.
const FOURS: [[u32; 4]; 16] = zerocopy::transmute!(ROUNDS);

/// Lanes that are hashed in turn.
pub(crate) const LANES: usize = 4;

/// The instructions keep the eight words of a hash as ABEF and CDGH, and the last sixteen words
/// of the message schedule in four vectors.
#[derive(Clone, Copy)]
struct Lane {
    abef: __m128i,
    cdgh: __m128i,
    schedule: [__m128i; 4],
}

/// The chunks are equally many in all lanes.
#[target_feature(enable = "sha,ssse3,sse4.1")]
pub(crate) fn compress(state: &mut State<LANES>, mut messages: [&[Chunk]; LANES]) {
    let zero = _mm_setzero_si128();
    let mut lanes = [Lane {
        abef: zero,
        cdgh: zero,
        schedule: [zero; 4],
    }; LANES];
    let [a, b, c, d, e, f, g, h] = *state;
    for (index, lane) in lanes.iter_mut().enumerate() {
        lane.abef = words([f[index], e[index], b[index], a[index]]);
        lane.cdgh = words([h[index], g[index], d[index], c[index]]);
    }
    while let Some(chunks) = next(&mut messages) {
        let before = lanes;
        macro_rules! four_rounds {
            ($($step:literal)*) => {$(
                let constants = words(FOURS[$step]);
                for (lane, chunk) in lanes.iter_mut().zip(&chunks) {
                    let words = match $step {
                        0..4 => load(chunk, $step),
                        _ => scheduled::<$step>(&lane.schedule),
                    };
                    lane.schedule[$step % 4] = words;
                    let sum = _mm_add_epi32(words, constants);
                    lane.cdgh = _mm_sha256rnds2_epu32(lane.cdgh, lane.abef, sum);
                    let sum = _mm_unpackhi_epi64(sum, sum);
                    lane.abef = _mm_sha256rnds2_epu32(lane.abef, lane.cdgh, sum);
                }
            )*};
        }
        four_rounds!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        for (lane, before) in lanes.iter_mut().zip(before) {
            lane.abef = _mm_add_epi32(lane.abef, before.abef);
            lane.cdgh = _mm_add_epi32(lane.cdgh, before.cdgh);
        }
    }
    for (index, lane) in lanes.iter().enumerate() {
        let [f, e, b, a]: [u32; 4] = zerocopy::transmute!(lane.abef);
        let [h, g, d, c]: [u32; 4] = zerocopy::transmute!(lane.cdgh);
        for (word, new) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            word[index] = new;
        }
    }
}

/// The next chunk of each message.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn next<'a>(messages: &mut [&'a [Chunk]; LANES]) -> Option<[&'a Chunk; LANES]> {
    let mut chunks = [&[0; 64]; LANES];
    for (chunk, message) in chunks.iter_mut().zip(messages) {
        *chunk = message.split_off_first()?;
    }
    Some(chunks)
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn words(words: [u32; 4]) -> __m128i {
    zerocopy::transmute!(words)
}

/// Four words of a chunk, which are big-endian there.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn load(chunk: &Chunk, quarter: usize) -> __m128i {
    let quarters: &[[u8; 16]; 4] = zerocopy::transmute_ref!(chunk);
    let bytes = zerocopy::transmute!(quarters[quarter]);
    let order = [3u8, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12];
    _mm_shuffle_epi8(bytes, zerocopy::transmute!(order))
}

/// The next four words of the schedule, from the sixteen before (section 6.2.2, step 1).
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn scheduled<const STEP: usize>(schedule: &[__m128i; 4]) -> __m128i {
    let ago = |fours: usize| schedule[(STEP - fours) % 4];
    let seven_ago = _mm_alignr_epi8::<4>(ago(1), ago(2));
    let sum = _mm_add_epi32(_mm_sha256msg1_epu32(ago(4), ago(3)), seven_ago);
    _mm_sha256msg2_epu32(sum, ago(1))
}
