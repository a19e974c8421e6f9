//! `sealboot recovery`: what the recovery system's `inittab` calls.

use anyhow::bail;
use machine::recovery::{console, hardware, service, settings, start};

use crate::args;

/// Does one of them. All but `start` run until they are stopped.
pub fn verb(verb: &args::Recovery) -> anyhow::Result<()> {
    match verb {
        args::Recovery::Start => start::run(&settings()),
        args::Recovery::Hardware => match hardware::watch()? {},
        args::Recovery::Console => console::run(&settings()),
        args::Recovery::Service { name } => match service::run(name) {
            Some(error) => return Err(error.into()),
            None => bail!("there is no service {name}"),
        },
    }
    Ok(())
}
