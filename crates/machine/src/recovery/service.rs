//! Becoming a service, with a log of what it says.

use std::fs::OpenOptions;

use contract::recovery::{LOGS, SERVICES, Service};
use linux::Error;
use linux::process::Program;

/// Becomes the service of that name; returns only when that fails. Nothing for an unknown name.
pub fn run(name: &str) -> Option<Error> {
    let service = SERVICES.iter().find(|service| service.name == name)?;
    if let Err(error) = log_to_file(service) {
        return Some(error);
    }
    let arguments: Vec<String> = service
        .arguments
        .iter()
        .map(|word| (*word).to_owned())
        .collect();
    Some(linux::process::exec(&Program::of_root(
        service.program,
        &arguments,
    )))
}

fn log_to_file(service: &Service) -> Result<(), Error> {
    let path = format!("{LOGS}/{}.log", service.name);
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(&path)
        .map_err(|error| Error::new("cannot open", path, error))?;
    linux::tty::take_as_standard_streams(&file)
}
