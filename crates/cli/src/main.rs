//! The sealboot command.

fn main() {}
