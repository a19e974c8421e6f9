//! `sealboot inspect`: what a file is.

use anyhow::Context;

use crate::exit::WithCode;
use crate::{args, output};

/// Looks, and prints what is there.
pub fn verb(options: &args::Inspect, json: bool) -> anyhow::Result<()> {
    let facts = chain::inspect(&options.file)
        .with_context(|| format!("{} cannot be inspected", options.file.display()))
        .input_code()?;
    match json {
        true => output::print_json(&facts),
        false => output::print(&facts.render()),
    }
}
