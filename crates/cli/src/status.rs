//! `sealboot status`: what this machine runs.

use std::path::Path;

use linux::tty::Consoles;
use machine::status::Status;

use crate::{args, output};

/// The last line of the first screen.
const FOOTER: &str = "Nothing to log in to here. Ctrl-Alt-Del restarts the machine.\n";

/// Gathers and prints.
pub fn verb(options: &args::Status, json: bool) -> anyhow::Result<()> {
    let status = Status::of_this_machine();
    if options.first_screen {
        let screen = format!("\n{}{FOOTER}", status.render());
        Consoles::open(Path::new("/sys"), Path::new("/dev")).write(&screen);
    } else if json {
        output::print_json(&status)?;
    } else {
        output::print(&status.render())?;
    }
    Ok(())
}
