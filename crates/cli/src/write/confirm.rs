//! Before something is overwritten, the person names it once more.

use std::io::IsTerminal;

use anyhow::{Context, anyhow};
use machine::write::{Claim, Target};

use crate::exit::{Code, WithCode};
use crate::output;

/// Ends well when the target may be overwritten: nothing is there, or its name was given or is
/// typed now.
pub fn overwrite(target: &Target, given: Option<&str>) -> anyhow::Result<()> {
    let Claim::Name(name) = target.claim() else {
        return Ok(());
    };
    let path = target.path().display();
    match given {
        Some(given) if given == name => return Ok(()),
        Some(given) => {
            let what = format!("--yes-erase says {given:?}, and {path} is {name:?}");
            return Err(anyhow!("{what}; nothing was written")).code(Code::Usage);
        }
        None => {}
    }
    if !std::io::stdin().is_terminal() {
        let what = format!("{path} would be overwritten, and there is no terminal to ask on");
        return Err(anyhow!("{what}; '--yes-erase {name}' says yes")).code(Code::Usage);
    }
    output::tell(&format!("Everything on {path} will be lost."));
    output::ask(&format!("Type {name} to go on: "));
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .context("the terminal cannot be read; nothing was written")
        .code(Code::Failed)?;
    match line.trim() {
        typed if typed == name => Ok(()),
        _ => Err(anyhow!("{name} was not typed; nothing was written")).code(Code::Refused),
    }
}
