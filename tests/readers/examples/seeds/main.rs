//! Inputs to start fuzzing from: `seeds FOLDER [DATA FOLDER]`.
//!
//! Everything in the first folder is made here, by sealboot's own writers: those inputs are kept with
//! the project. What is cut out of the real packages in DATA goes to the second folder, which is not.

mod documents;
mod kernel;
mod media;
mod packages;
mod real;
mod signed;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A target, a file's name, its bytes.
pub(crate) type Seed = (&'static str, &'static str, Vec<u8>);

fn main() -> io::Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    match arguments.as_slice() {
        [folder] => made(folder),
        [folder, data, other] => {
            made(folder)?;
            write(other, &real::seeds(data)?)
        }
        _ => Err(io::Error::other("usage: seeds FOLDER [DATA FOLDER]")),
    }
}

fn made(folder: &Path) -> io::Result<()> {
    let mut seeds = media::seeds();
    seeds.extend(packages::seeds());
    seeds.extend(kernel::seeds());
    seeds.extend(documents::seeds());
    seeds.extend(signed::seeds()?);
    write(folder, &seeds)
}

/// What is there under other names stays.
fn write(folder: &Path, seeds: &[Seed]) -> io::Result<()> {
    for (target, name, bytes) in seeds {
        let known = readers::named(target);
        let target = known.ok_or_else(|| io::Error::other(format!("{target} is no target")))?;
        // An input that its reader cannot take is a bug, and not to be kept as one that it can.
        (target.read)(bytes);
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)?;
    }
    let bytes: usize = seeds.iter().map(|(_, _, bytes)| bytes.len()).sum();
    println!(
        "{}: {} inputs, {bytes} bytes",
        folder.display(),
        seeds.len()
    );
    Ok(())
}
