//! SHA-256 with one message in each element of a vector.
//!
//! The two kinds of vectors differ in how a step is said, not in the steps: a module defines
//! `splat`, `add`, `xor3`, `choose`, `majority`, `rotate`, `shift` and `transposed`, and
//! [`compress!`] defines `compress` for its lanes and processor features.

/// Defines `compress`, with the steps' names of FIPS 180-4, section 6.2.2.
macro_rules! compress {
    ($lanes:literal, $features:literal) => {
        /// The chunks are equally many in all lanes.
        #[target_feature(enable = $features)]
        pub(crate) fn compress(
            state: &mut $crate::State<$lanes>,
            mut messages: [&[$crate::Chunk]; $lanes],
        ) {
            let mut words: [Vector; 8] = zerocopy::transmute!(*state);
            while let Some(chunks) = next(&mut messages) {
                let before = words;
                let [w0, w1, w2, w3] = transposed(&chunks, 0);
                let [w4, w5, w6, w7] = transposed(&chunks, 1);
                let [w8, w9, w10, w11] = transposed(&chunks, 2);
                let [w12, w13, w14, w15] = transposed(&chunks, 3);
                let mut schedule = [
                    w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15,
                ];
                let [first, others @ ..] = &$crate::constants::ROUNDS;
                words = rounds(words, &schedule, first);
                for constants in others {
                    extend(&mut schedule);
                    words = rounds(words, &schedule, constants);
                }
                for (word, before) in words.iter_mut().zip(before) {
                    *word = add(*word, before);
                }
            }
            *state = zerocopy::transmute!(words);
        }

        /// The next chunk of each message.
        #[inline]
        #[target_feature(enable = $features)]
        fn next<'a>(
            messages: &mut [&'a [$crate::Chunk]; $lanes],
        ) -> Option<[&'a $crate::Chunk; $lanes]> {
            let mut chunks = [&[0; 64]; $lanes];
            for (chunk, message) in chunks.iter_mut().zip(messages) {
                *chunk = message.split_off_first()?;
            }
            Some(chunks)
        }

        /// Sixteen rounds.
        #[inline]
        #[target_feature(enable = $features)]
        fn rounds(
            words: [Vector; 8],
            schedule: &[Vector; 16],
            constants: &[u32; 16],
        ) -> [Vector; 8] {
            let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = words;
            macro_rules! round {
                ($index:literal) => {
                    let known = add(add(h, schedule[$index]), splat(constants[$index]));
                    let sum1 = xor3(rotate::<6, 26>(e), rotate::<11, 21>(e), rotate::<25, 7>(e));
                    let t1 = add(add(known, choose(e, f, g)), sum1);
                    let sum0 = xor3(rotate::<2, 30>(a), rotate::<13, 19>(a), rotate::<22, 10>(a));
                    let t2 = add(sum0, majority(a, b, c));
                    (h, g, f, e) = (g, f, e, add(d, t1));
                    (d, c, b, a) = (c, b, a, add(t1, t2));
                };
            }
            $crate::wide::sixteen!(round);
            [a, b, c, d, e, f, g, h]
        }

        /// Turns sixteen words of the schedule into the next sixteen.
        #[inline]
        #[target_feature(enable = $features)]
        fn extend(schedule: &mut [Vector; 16]) {
            macro_rules! word {
                ($index:literal) => {
                    let (ago15, ago2) = (schedule[($index + 1) % 16], schedule[($index + 14) % 16]);
                    let sigma0 = xor3(
                        rotate::<7, 25>(ago15),
                        rotate::<18, 14>(ago15),
                        shift::<3>(ago15),
                    );
                    let sigma1 = xor3(
                        rotate::<17, 15>(ago2),
                        rotate::<19, 13>(ago2),
                        shift::<10>(ago2),
                    );
                    let ago7 = schedule[($index + 9) % 16];
                    let sum = add(add(schedule[$index], sigma0), ago7);
                    schedule[$index] = add(sum, sigma1);
                };
            }
            $crate::wide::sixteen!(word);
        }
    };
}

/// Calls a macro with 0 to 15: a loop would leave to chance whether the vectors stay in registers.
macro_rules! sixteen {
    ($step:ident) => {
        $step!(0);
        $step!(1);
        $step!(2);
        $step!(3);
        $step!(4);
        $step!(5);
        $step!(6);
        $step!(7);
        $step!(8);
        $step!(9);
        $step!(10);
        $step!(11);
        $step!(12);
        $step!(13);
        $step!(14);
        $step!(15);
    };
}

pub(crate) use {compress, sixteen};
