//! Sixteen messages, one in each element of a 512-bit vector.

use std::arch::x86_64::*;

use crate::Chunk;
use crate::wide::compress;

type Vector = __m512i;

compress!(16, "avx512f,avx512bw");

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn splat(word: u32) -> Vector {
    _mm512_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn add(a: Vector, b: Vector) -> Vector {
    _mm512_add_epi32(a, b)
}

// A ternary operation's number is its outcomes for 000 to 111.

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn xor3(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0b1001_0110>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn choose(by: Vector, one: Vector, zero: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0b1100_1010>(by, one, zero)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn majority(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0b1110_1000>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn rotate<const RIGHT: i32, const LEFT: i32>(word: Vector) -> Vector {
    _mm512_ror_epi32::<RIGHT>(word)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn shift<const RIGHT: u32>(word: Vector) -> Vector {
    _mm512_srli_epi32::<RIGHT>(word)
}

/// Four words of each message as four vectors, each with one word of all messages.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn transposed(chunks: &[&Chunk; 16], quarter: usize) -> [Vector; 4] {
    let (a, b) = (
        every_fourth(chunks, 0, quarter),
        every_fourth(chunks, 1, quarter),
    );
    let (c, d) = (
        every_fourth(chunks, 2, quarter),
        every_fourth(chunks, 3, quarter),
    );
    let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
    let (first, second) = (_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    let (ab, cd) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
    let (third, fourth) = (_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    [first, second, third, fourth]
}

/// Four words of every fourth message: unpacking works within 128 bits, and leaves those as they are.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn every_fourth(chunks: &[&Chunk; 16], first: usize, quarter: usize) -> Vector {
    let words = _mm512_castsi128_si512(four_words(chunks[first], quarter));
    let words = _mm512_inserti32x4::<1>(words, four_words(chunks[first + 4], quarter));
    let words = _mm512_inserti32x4::<2>(words, four_words(chunks[first + 8], quarter));
    let words = _mm512_inserti32x4::<3>(words, four_words(chunks[first + 12], quarter));
    // Big-endian in the message.
    let order = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    _mm512_shuffle_epi8(words, _mm512_broadcast_i32x4(order))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn four_words(chunk: &Chunk, quarter: usize) -> __m128i {
    let quarters: &[[u8; 16]; 4] = zerocopy::transmute_ref!(chunk);
    zerocopy::transmute!(quarters[quarter])
}
