//! How fast each way of this processor is, on one core: `cargo run --release --example speed`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use lanes::{Hasher, Implementation};

fn main() {
    let blocks = vec![[0xa5; 4096]; 128];
    let mut hashes = vec![[0; 32]; blocks.len()];
    for way in Implementation::ALL {
        if !way.is_available() {
            println!("{way:?}: not on this processor");
            continue;
        }
        let hasher = Hasher::with(way, &[7; 32]);
        // The best of many short times: other programs only make it slower.
        let mut best = Duration::MAX;
        for _ in 0..2000 {
            let start = Instant::now();
            hasher.hash(black_box(&blocks), black_box(&mut hashes));
            best = best.min(start.elapsed());
        }
        let bytes = blocks.as_flattened().len() as f64;
        println!("{way:?}: {:.0} MB/s", bytes / best.as_secs_f64() / 1e6);
    }
}
