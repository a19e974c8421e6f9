//! Eight messages, one in each element of a 256-bit vector.

use std::arch::x86_64::*;

use crate::Chunk;
use crate::wide::compress;

type Vector = __m256i;

compress!(8, "avx2");

#[inline]
#[target_feature(enable = "avx2")]
fn splat(word: u32) -> Vector {
    _mm256_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(a: Vector, b: Vector) -> Vector {
    _mm256_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor3(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm256_xor_si256(_mm256_xor_si256(a, b), c)
}

#[inline]
#[target_feature(enable = "avx2")]
fn choose(by: Vector, one: Vector, zero: Vector) -> Vector {
    _mm256_xor_si256(zero, _mm256_and_si256(by, _mm256_xor_si256(one, zero)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn majority(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm256_or_si256(
        _mm256_and_si256(a, b),
        _mm256_and_si256(c, _mm256_or_si256(a, b)),
    )
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate<const RIGHT: i32, const LEFT: i32>(word: Vector) -> Vector {
    _mm256_or_si256(
        _mm256_srli_epi32::<RIGHT>(word),
        _mm256_slli_epi32::<LEFT>(word),
    )
}

#[inline]
#[target_feature(enable = "avx2")]
fn shift<const RIGHT: i32>(word: Vector) -> Vector {
    _mm256_srli_epi32::<RIGHT>(word)
}

/// Four words of each message as four vectors, each with one word of all messages.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed(chunks: &[&Chunk; 8], quarter: usize) -> [Vector; 4] {
    let (a, b) = (
        every_fourth(chunks, 0, quarter),
        every_fourth(chunks, 1, quarter),
    );
    let (c, d) = (
        every_fourth(chunks, 2, quarter),
        every_fourth(chunks, 3, quarter),
    );
    let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
    let (first, second) = (_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
    let (ab, cd) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
    let (third, fourth) = (_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
    [first, second, third, fourth]
}

/// Four words of every fourth message: unpacking works within 128 bits, and leaves those as they are.
#[inline]
#[target_feature(enable = "avx2")]
fn every_fourth(chunks: &[&Chunk; 8], first: usize, quarter: usize) -> Vector {
    let [low, high] = [chunks[first], chunks[first + 4]];
    let words = _mm256_set_m128i(four_words(high, quarter), four_words(low, quarter));
    // Big-endian in the message.
    let order = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    _mm256_shuffle_epi8(words, _mm256_broadcastsi128_si256(order))
}

#[inline]
#[target_feature(enable = "avx2")]
fn four_words(chunk: &Chunk, quarter: usize) -> __m128i {
    let quarters: &[[u8; 16]; 4] = zerocopy::transmute_ref!(chunk);
    zerocopy::transmute!(quarters[quarter])
}
