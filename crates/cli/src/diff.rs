//! `sealboot diff`: what two releases differ in.

use anyhow::Context;

use crate::exit::WithCode;
use crate::{args, output};

/// Compares, and prints it. A difference is no failure.
pub fn verb(options: &args::Diff, json: bool) -> anyhow::Result<()> {
    let (old, new) = (&options.old, &options.new);
    let difference = chain::difference(old, new)
        .with_context(|| {
            let (old, new) = (old.display(), new.display());
            format!("{old} and {new} cannot be compared; both have to be folders that 'sealboot build' left")
        })
        .input_code()?;
    match json {
        true => output::print_json(&difference),
        false => output::print(&difference.render()),
    }
}
