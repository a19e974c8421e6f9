//! One message after the other: what `sha2` makes of this processor.

use sha2::block_api::compress256;

use crate::{Chunk, State};

pub(crate) fn compress(state: &mut State<1>, [chunks]: [&[Chunk]; 1]) {
    let mut words = state.map(|[word]| word);
    compress256(&mut words, chunks);
    *state = words.map(|word| [word]);
}
