//! The `sealboot` command: reads the command line, does one verb, ends with its exit code.

mod args;
mod artefact;
mod build;
mod clock;
mod confirm;
mod diff;
mod exit;
mod inspect;
mod keys;
mod measure;
mod oci;
mod output;
mod progress;
mod recovery;
mod run;
mod sign;
mod status;
mod verify;
mod write;
mod write_behind;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Verb};

/// PID 1 of every initrd that is made, built from `crates/init`.
const INIT: &[u8] = include_bytes!(env!("SEALBOOT_INIT"));

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (json, quiet) = (arguments.json, arguments.quiet);
    let outcome = match arguments.verb {
        Verb::Keys(verb) => keys::verb(&verb, json),
        Verb::Build(options) => build::verb(&options, json, quiet),
        Verb::Sign(options) => sign::verb(&options, json),
        Verb::Attach(options) => sign::attach(&options, json, quiet),
        Verb::Write(options) => write::verb(&options, json, quiet),
        Verb::Run(options) => run::verb(&options, quiet),
        Verb::Inspect(options) => inspect::verb(&options, json),
        Verb::Diff(options) => diff::verb(&options, json),
        Verb::Measure(options) => measure::verb(&options, json),
        Verb::Verify(options) => verify::verb(&options, json, quiet),
        Verb::Image(verb) => artefact::image(&verb, json, quiet),
        Verb::Initrd(verb) => artefact::initrd(&verb, json, quiet),
        Verb::Uki(verb) => artefact::uki(&verb, json),
        Verb::Disk(verb) => artefact::disk(&verb, json, quiet),
        Verb::Oci(verb) => oci::verb(&verb, json, quiet),
        Verb::Status => status::verb(json),
        Verb::Recovery(verb) => recovery::verb(&verb),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::tell(&format!("sealboot: {}", exit::explain(&error)));
            ExitCode::from(exit::code_of(&error) as u8)
        }
    }
}

#[cfg(test)]
mod tests {
    /// `docs/design/2026-11-23-size-of-init.md` says what made it small.
    #[test]
    fn init_is_at_most_a_megabyte() {
        let size = super::INIT.len();
        assert!(size <= 1_000_000, "init is {size} bytes");
    }
}
