//! `sealboot build`: from a configuration to a signed release and its disk image.

mod accounts;
mod add;
mod alpine;
mod attributes;
pub(crate) mod container;
pub(crate) mod date;
mod debian;
mod disk;
pub(crate) mod finish;
mod images;
pub(crate) mod initrd;
pub(crate) mod inputs;
mod kernel;
mod lock;
mod missing;
mod parts;
pub(crate) mod plan;
mod policy;
mod program;
mod recovery;
pub(crate) mod release;
mod report;
mod root;
pub(crate) mod staging;
mod supply;
pub(crate) mod system;
mod texts;
mod toolbox;
pub mod toolbox_image;
pub(crate) mod work;

use contract::out::TO_SIGN;
use source::debian::from_apt_sources;

use crate::args;
use crate::exit::{Code, WithCode};
use crate::keys;
use crate::output;
use crate::progress::Progress;
use config::{self, Config};
use lock::Lock;
use plan::Plan;
use staging::Staging;
use work::Work;

/// Does what the command line says.
pub fn verb(options: &args::Build, json: bool, quiet: bool) -> anyhow::Result<()> {
    let mut config = config::load(options.config.as_deref()).code(Code::Usage)?;
    fill_in_mirrors(&mut config);
    if options.print_config {
        config.settle();
        return output::print(&config::print(&config)?);
    }
    let mut lock = Lock::load(options.config.as_deref())?;
    lock.pin(&mut config, options.update)?;
    let plan = Plan::new(config, options, date::given()?);
    if options.dry_run {
        return output::print(&format!("The plan:\n{plan}"));
    }
    let progress = Progress::new(quiet);
    progress.say(&format!("The plan:\n{plan}"));

    let own = &plan.config.keys;
    let passphrase = &options.opening.passphrase;
    let keys = match plan.unsigned {
        true => keys::open_public(&own.folder)?,
        false => keys::open(&own.folder, passphrase, &own.sign_with)?,
    };
    let keys = match &plan.config.uki.pcr_key {
        Some(path) => keys.with_pcr(keys::open_pcr(path, passphrase)?),
        None => keys,
    };
    let systems = plan.systems.iter().filter_map(|system| system.name.clone());
    let possible = release::possible_files(systems, &plan.out);
    let mut staging = Staging::open(&plan.out, possible)?;
    let work = Work::open(&plan, &progress);
    let inputs = inputs::gather(&plan, &mut lock, &work)?;
    let parts = parts::settle(&plan, inputs, &work)?;
    let release = release::build(&plan, parts, &keys, &mut staging, &work)?;
    lock.write()?;
    staging.publish()?;
    work.tidy();

    if json {
        output::print_json(&release)?;
    } else {
        release.say(&plan.out, &progress);
        if plan.unsigned {
            let out = plan.out.display();
            progress.say(&format!(
                "Nothing of it is signed yet. Take {out}/{TO_SIGN}/ to the machine that has the key, and \
                 'sealboot\nsign {TO_SIGN}' there; then 'sealboot attach {out} signatures' finishes it here."
            ));
        }
    }
    Ok(())
}

/// What is not set comes from this machine's apt, else it is Debian's own mirror.
fn fill_in_mirrors(config: &mut Config) {
    let mirrors = from_apt_sources(std::path::Path::new("/")).unwrap_or_default();
    config.debian.mirror.get_or_insert(mirrors.debian);
    config
        .debian
        .security_mirror
        .get_or_insert(mirrors.security);
}
