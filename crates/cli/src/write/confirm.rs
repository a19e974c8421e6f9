//! Before something is overwritten, the person names it once more.

use machine::write::{Claim, Target};

use crate::confirm::Question;

/// Ends well when the target may be overwritten: nothing is there, or its name was given or is
/// typed now.
pub fn overwrite(target: &Target, given: Option<&str>) -> anyhow::Result<()> {
    let Claim::Name(name) = target.claim() else {
        return Ok(());
    };
    let path = target.path().display();
    let question = Question {
        name: &name,
        is: format!("{path} is {name:?}"),
        option: "--yes-erase",
        would: format!("{path} would be overwritten"),
        warning: Some(format!("Everything on {path} will be lost.")),
        purpose: "to go on",
        nothing: "nothing was written",
    };
    question.ask(given)
}
