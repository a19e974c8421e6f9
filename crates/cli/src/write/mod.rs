//! `sealboot write`: a disk image to a USB stick, a disk or a file.

mod confirm;
mod list;
mod show;

use std::path::{Path, PathBuf};

use anyhow::Context;
use machine::write::{Allowed, Error, Image, Plan, Stage, Target, Watch, execute};

use crate::args;
use crate::exit::{Code, WithCode};
use crate::output;
use crate::progress::{self, Progress};

/// Where this machine's disks are described.
const ROOT: &str = "/";

/// Written when the command line names no image.
const IMAGE: &str = "out/disk.img";

/// Does what the command line says.
pub fn verb(line: &args::Write, json: bool, quiet: bool) -> anyhow::Result<()> {
    let allowed = Allowed {
        fixed_disk: line.fixed_disk,
    };
    if line.list {
        return list::print(Path::new(ROOT), allowed, json);
    }
    let (image, target) = paths(&line.paths)?;
    let image = match Image::open(&image) {
        Err(error @ Error::OpenImage { .. }) if is_missing(&error) => Err(error)
            .context("there is nothing to write; 'sealboot build' makes an image")
            .code(Code::Missing)?,
        opened => opened.input_code()?,
    };
    let target = coded(Target::find(Path::new(ROOT), &target))?;
    show::tell(&image, &target, quiet);
    let plan = coded(Plan::new(image, target, allowed))?;
    if line.dry_run {
        return show::planned(&plan, json);
    }
    // Held before the question: what the person says yes to stays what it is.
    let held = coded(plan.hold(Path::new(ROOT)))?;
    confirm::overwrite(&plan.target, line.yes_erase.as_deref())?;
    linux::interrupt::watch().code(Code::Failed)?;
    let progress = Progress::new(quiet);
    let done = {
        let steps = Steps::new(&progress);
        coded(execute(
            held,
            &Watch {
                progress: &|stage, done, total| steps.advance(stage, done, total),
                stop: &linux::interrupt::asked,
            },
        ))?
    };
    show::done(&plan, &done, json, quiet)
}

/// `[IMAGE] TARGET`: the target is always the last, as with cp.
fn paths(paths: &[PathBuf]) -> anyhow::Result<(PathBuf, PathBuf)> {
    match paths {
        [target] => Ok((PathBuf::from(IMAGE), target.clone())),
        [image, target] => Ok((image.clone(), target.clone())),
        _ => Err(anyhow::anyhow!("[IMAGE] TARGET is needed")).code(Code::Usage),
    }
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::OpenImage { source, .. }
        if source.kind() == std::io::ErrorKind::NotFound)
}

fn coded<T>(result: Result<T, Error>) -> anyhow::Result<T> {
    result.map_err(|error| {
        let code = match error {
            Error::NoImage { .. } | Error::Refused { .. } => Code::Refused,
            Error::NoTarget { .. } => Code::Missing,
            _ => Code::Failed,
        };
        crate::exit::Failure::new(code, error).into()
    })
}

/// Two steps, one after the other: the second starts when its first byte is done.
struct Steps<'a> {
    progress: &'a Progress,
    running: std::cell::RefCell<Option<(Stage, progress::Step)>>,
}

impl<'a> Steps<'a> {
    fn new(progress: &'a Progress) -> Self {
        Self {
            progress,
            running: std::cell::RefCell::default(),
        }
    }

    fn advance(&self, stage: Stage, done: u64, total: u64) {
        let mut running = self.running.borrow_mut();
        let step = match running.take() {
            Some((now, step)) if now == stage => step,
            _ => self.progress.step(match stage {
                Stage::Write => "writing",
                Stage::Check => "reading back",
            }),
        };
        step.bytes(done, total);
        if done < total {
            *running = Some((stage, step));
        } else {
            step.done(&progress::size(total));
        }
    }
}

/// Tells a person something unless nothing is to be said.
fn say(line: &str, quiet: bool) {
    if !quiet {
        output::tell(line);
    }
}
