//! Loading kernel modules (finit_module(2)).

use std::fs::File;
use std::path::Path;

use rustix::io::Errno;

use crate::Error;

/// What became of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// It was loaded now.
    Now,
    /// It was there already.
    Already,
}

/// Loads an uncompressed module file with default parameters, and waits for its init function.
pub fn load(file: &Path) -> Result<Loaded, Error> {
    let module = File::open(file).map_err(Error::at("cannot open the module", file))?;
    match rustix::system::finit_module(&module, c"", 0) {
        Ok(()) => Ok(Loaded::Now),
        Err(Errno::EXIST) => Ok(Loaded::Already),
        Err(errno) => Err(Error::at("the kernel refuses the module", file)(errno)),
    }
}

/// The running kernel's version, as `uname -r` prints it.
pub fn kernel_version() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}
