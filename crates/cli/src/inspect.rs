//! `sealboot inspect`: what a file is.

use std::path::Path;

use anyhow::Context;

use crate::exit::WithCode;
use crate::{args, output};

/// Looks, and prints what is there.
pub fn verb(options: &args::Inspect, json: bool) -> anyhow::Result<()> {
    if options.fields {
        return fields(options, json);
    }
    let facts = chain::inspect(&options.file)
        .with_context(|| unusable(&options.file, "inspected"))
        .input_code()?;
    match json {
        true => output::print_json(&facts),
        false => output::print(&facts.render()),
    }
}

/// Every field of it.
fn fields(options: &args::Inspect, json: bool) -> anyhow::Result<()> {
    let fields = chain::fields(&options.file)
        .with_context(|| unusable(&options.file, "inspected"))
        .input_code()?;
    match json {
        true => output::print_json(&fields),
        false => output::print(&fields.render()),
    }
}

/// What cannot be done to a file; where there is none, what makes one.
pub fn unusable(path: &Path, done: &str) -> String {
    let advice = match path.symlink_metadata() {
        Ok(_) => "",
        Err(_) => "; 'sealboot build' makes a release",
    };
    format!("{} cannot be {done}{advice}", path.display())
}
