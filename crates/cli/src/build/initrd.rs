//! The initrd of a release, and `sealboot initrd build`: that alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;
use artifact::initrd::{Initrd, InitrdParts};
use contract::boot::{Boot, Execute, RootHashSignatures};
use contract::esp;
use contract::manifest::Manifest;
use serde::Serialize;

use super::lock::Lock;
use super::parts::{self, Parts};
use super::plan::{self, Plan};
use super::system::{System, SystemParts};
use super::work::Work;
use super::{date, inputs};
use crate::args;
use crate::artefact::new_file::NewFile;
use crate::exit::{Code, WithCode};
use crate::output;
use crate::progress::{self, Progress};

/// What came out.
#[derive(Serialize)]
struct Made<'a> {
    /// Where it is.
    file: &'a Path,
    /// In bytes.
    size: u64,
    /// The kernel that its modules are for.
    kernel: &'a str,
    /// The release that it pins.
    version: &'a str,
}

/// Makes the initrd of a release that was built, of the same configuration.
pub(crate) fn verb(options: &args::InitrdBuild, json: bool, quiet: bool) -> anyhow::Result<()> {
    let mut config = config::load(options.config.as_deref()).code(Code::Usage)?;
    super::fill_in_mirrors(&mut config);
    let mut lock = Lock::load(options.config.as_deref())?;
    lock.pin(&mut config, false)?;
    let usual = || plan::cache_folder(Path::new(""));
    let plan = Plan {
        cache: options.cache.clone().unwrap_or_else(usual),
        keep: None,
        out: options.release.clone(),
        unsigned: false,
        offline: options.offline,
        epoch: date::given()?,
        systems: System::all(&config),
        config,
    };
    // What is small and local comes first.
    let system = chosen(&plan, options.system.as_deref())?;
    let manifest = pinned(&options.release, system.name.as_deref())?;
    let progress = Progress::new(quiet || json);
    let work = Work::open(&plan, &progress);
    let inputs = inputs::gather(&plan, &mut lock, &work)?;
    let parts = parts::settle(&plan, inputs, &work)?;
    if parts.kernel.version != manifest.kernel {
        return Err(anyhow::anyhow!(
            "{} holds a release over kernel {}, and the configuration's kernel is {}; 'sealboot \
             build' makes a release of it",
            options.release.display(),
            manifest.kernel,
            parts.kernel.version
        ))
        .code(Code::Refused);
    }
    if manifest.policy.is_some() != (system.execute == Execute::Signed) {
        return Err(anyhow::anyhow!(
            "the configuration's policy.execute is another one than that of the release in {}; 'sealboot \
             build' makes a release of it",
            options.release.display()
        ))
        .code(Code::Refused);
    }
    let settled = parts.systems.iter().find(|one| one.name == system.name);
    let settled = settled.context("the system was not put together")?;
    let step = progress.step("initrd");
    let bytes = make(&plan, &parts, settled, &manifest, &work)?;
    let size = bytes.len() as u64;
    NewFile::write(&options.output, &bytes)?;
    step.clear();
    let made = Made {
        file: &options.output,
        size,
        kernel: &manifest.kernel,
        version: &manifest.version,
    };
    match json {
        true => output::print_json(&made),
        false => output::print(&format!(
            "{}: {}, kernel {}, pins release {}\n",
            made.file.display(),
            progress::size(size),
            made.kernel,
            made.version
        )),
    }
}

/// The system that the command line names, or the only one.
fn chosen<'a>(plan: &'a Plan, name: Option<&str>) -> anyhow::Result<&'a System> {
    let found = match (name, plan.systems.as_slice()) {
        (None, [only]) => Some(only),
        _ => plan.systems.iter().find(|one| one.name.as_deref() == name),
    };
    let names = plan.systems.iter().filter_map(|one| one.name.as_deref());
    let names: Vec<&str> = names.collect();
    let wrong = match names.as_slice() {
        [] => "--system names one of several systems; the configuration has one, without a name"
            .to_owned(),
        names => format!("--system must name one of: {}", names.join(", ")),
    };
    found.context(wrong).code(Code::Usage)
}

/// The manifest of a release in a folder. Init compares it with the boot partition's to the byte.
fn pinned(folder: &Path, system: Option<&str>) -> anyhow::Result<Manifest> {
    let path = folder.join(esp::manifest_file(system));
    let bytes = fs::read(&path)
        .with_context(|| {
            let path = path.display();
            format!(
                "{path} cannot be read; an initrd pins the images of a release, and 'sealboot build' \
                 makes one"
            )
        })
        .input_code()?;
    let manifest = Manifest::from_json(&bytes)
        .with_context(|| format!("{} is no manifest", path.display()))
        .code(Code::Refused)?;
    match manifest.to_json() == bytes {
        true => Ok(manifest),
        false => Err(anyhow::anyhow!(
            "{} is not as sealboot writes it; 'sealboot build' makes it anew",
            path.display()
        ))
        .code(Code::Refused),
    }
}

/// One initrd for every machine, with the manifest that this system pins.
pub(super) fn make(
    plan: &Plan,
    parts: &Parts,
    system: &SystemParts,
    manifest: &Manifest,
    work: &Work,
) -> anyhow::Result<Vec<u8>> {
    let config = &plan.config;
    let boot = Boot {
        root_hash_signatures: match parts.kernel.checks_root_hash_signatures() {
            true => RootHashSignatures::Checked,
            false => RootHashSignatures::Unsupported,
        },
        root: system.mode,
        init: system.program.path.clone(),
        init_arguments: system.program.arguments.clone(),
        surroundings: system.program.surroundings.clone(),
        check: config.image.check,
        secure_boot: system.secure_boot,
        execute: system.execute,
        command_line: system.command_line.clone(),
    };
    let initrd = InitrdParts {
        init: crate::INIT,
        manifest: &manifest.to_json(),
        boot: &boot.to_json(),
        modules: &parts.modules,
        firmware: &BTreeMap::new(),
        mtime: parts.epoch,
    };
    Ok(Initrd::build(&initrd, config.initrd.level, work.kept())?.bytes)
}
