//! `sealboot status`: what this machine runs.

use machine::status::Status;

use crate::output;

/// Gathers and prints.
pub fn verb(json: bool) -> anyhow::Result<()> {
    let status = Status::of_this_machine();
    match json {
        true => output::print_json(&status),
        false => output::print(&status.render()),
    }
}
