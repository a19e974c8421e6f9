//! Becoming a service, with a log of what it says.

use std::fs::OpenOptions;
use std::path::Path;

use contract::recovery::{LOGS, PATH, SERVICES, Service};
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
    let program = find(service.program);
    Some(linux::process::exec(&Program::of_root(
        &program, &arguments,
    )))
}

/// Where a program is; the first place where it could be when it is nowhere, for the message.
fn find(name: &str) -> String {
    let places = || PATH.iter().map(|folder| format!("{folder}/{name}"));
    let found = places().find(|path| Path::new(path).exists());
    found.or_else(|| places().next()).unwrap_or_default()
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
