//! Before something that cannot be taken back, the person names it once more.

use std::io::IsTerminal;

use anyhow::{Context, anyhow};

use crate::exit::{Code, WithCode};
use crate::output;

/// What is asked about.
pub struct Question<'a> {
    /// What has to be typed: a name, a version.
    pub name: &'a str,
    /// What it is the name of: `/dev/sdb is "Stick"`, `this is release "1.4"`.
    pub is: String,
    /// The option that answers without asking.
    pub option: &'a str,
    /// What would happen: `/dev/sdb would be overwritten`.
    pub would: String,
    /// What is said before asking, if anything.
    pub warning: Option<String>,
    /// What typing it does: `to go on`.
    pub purpose: &'a str,
    /// What did not happen when it was not: `nothing was written`.
    pub nothing: &'a str,
}

impl Question<'_> {
    /// Ends well when the name was given on the command line, or is typed now.
    pub fn ask(&self, given: Option<&str>) -> anyhow::Result<()> {
        let Self {
            name,
            option,
            nothing,
            ..
        } = self;
        match given {
            Some(given) if given == *name => return Ok(()),
            Some(given) => {
                let what = format!("{option} says {given:?}, and {}", self.is);
                return Err(anyhow!("{what}; {nothing}")).code(Code::Usage);
            }
            None => {}
        }
        if !std::io::stdin().is_terminal() {
            let what = format!("{}, and there is no terminal to ask on", self.would);
            return Err(anyhow!("{what}; '{option} {name}' says yes")).code(Code::Usage);
        }
        if let Some(warning) = &self.warning {
            output::tell(warning);
        }
        output::ask(&format!("Type {name} {}: ", self.purpose));
        let mut line = String::new();
        std::io::stdin()
            .read_line(&mut line)
            .with_context(|| format!("the terminal cannot be read; {nothing}"))
            .code(Code::Failed)?;
        match line.trim() == *name {
            true => Ok(()),
            false => Err(anyhow!("{name} was not typed; {nothing}")).code(Code::Refused),
        }
    }
}
