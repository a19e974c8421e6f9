//! `sealboot measure`: what a TPM will hold.

use std::path::Path;

use anyhow::Context;
use chain::Enrolled;
use formats::pcr::{self, Pcr};
use serde::Serialize;

use crate::exit::WithCode;
use crate::inspect::unusable;
use crate::{args, output};

/// All of it.
#[derive(Serialize)]
struct Said<'a> {
    /// The UKI.
    file: &'a Path,
    /// In the order of the registers, and of a start.
    pcrs: Vec<Register>,
}

/// One value of a register.
#[derive(Serialize)]
struct Register {
    /// Its number.
    pcr: u8,
    /// When it has this value: phases so far, as systemd-measure has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<String>,
    /// For people.
    #[serde(skip)]
    meaning: String,
    /// SHA-256, hex.
    sha256: String,
}

impl Register {
    fn new(pcr: u8, phase: Option<String>, meaning: String, value: Pcr) -> Self {
        let sha256 = value.to_string();
        Self {
            pcr,
            phase,
            meaning,
            sha256,
        }
    }
}

/// Computes, and prints it.
pub fn verb(options: &args::Measure, json: bool) -> anyhow::Result<()> {
    let folder = &options.keys.folder;
    let enrolled = match options.no_keys {
        true => None,
        false => Some(
            Enrolled::open(folder, options.dbx.as_deref())
                .context("PCR 7 follows from what is enrolled; --no-keys leaves it out")
                .input_code()?,
        ),
    };
    let measured = chain::measure(&options.file, enrolled.as_ref())
        .with_context(|| unusable(&options.file, "measured"))
        .input_code()?;
    let meaning = "the program that firmware starts".to_owned();
    let mut pcrs = vec![Register::new(4, None, meaning, measured.program)];
    if let Some(value) = measured.secure_boot {
        let meaning = format!("Secure Boot on, with the keys of {}/", folder.display());
        pcrs.push(Register::new(7, None, meaning, value));
    }
    let meaning = "the UKI's sections, when its kernel starts".to_owned();
    pcrs.push(Register::new(
        11,
        Some(String::new()),
        meaning,
        measured.stub,
    ));
    for (phase, value) in pcr::phases(measured.stub) {
        let last = phase.rsplit(':').next().unwrap_or_default();
        let meaning = format!("then, where systemd measures phases, {last}");
        pcrs.push(Register::new(11, Some(phase), meaning, value));
    }
    let said = Said {
        file: &options.file,
        pcrs,
    };
    if json {
        return output::print_json(&said);
    }
    let lines = said.pcrs.iter().map(|register| {
        let Register {
            pcr,
            meaning,
            sha256,
            ..
        } = register;
        format!("PCR {pcr}: {meaning}\n  {sha256}\n")
    });
    output::print(&lines.collect::<String>())
}
