//! `sealboot uki build`: files of this machine as one UKI.

use std::path::Path;

use anyhow::Context;
use artifact::uki;
use serde::Serialize;
use source::kernel::image_version;

use super::new_file::NewFile;
use super::{open_keys, read};
use crate::args;
use crate::exit::{Code, WithCode};
use crate::output;
use crate::progress;

/// What came out.
#[derive(Serialize)]
struct Made<'a> {
    /// Where it is.
    file: &'a Path,
    /// In bytes.
    size: u64,
    /// The kernel's version; empty when nothing says it.
    kernel: &'a str,
    /// Whether firmware can check it.
    signed: bool,
}

/// Does what the command line says.
pub fn build(options: &args::UkiBuild, json: bool) -> anyhow::Result<()> {
    let keys = open_keys(&options.signing)?;
    let stub = read(&options.stub)?;
    let (linux, initrd) = (read(&options.kernel)?, read(&options.initrd)?);
    let ucode = options.microcode.as_deref().map(read).transpose()?;
    let said = || image_version(&linux).unwrap_or_default();
    let version = options.kernel_version.clone().unwrap_or_else(said);
    let os_release = match &options.os_release {
        Some(path) => String::from_utf8(read(path)?)
            .with_context(|| format!("{} is not text", path.display()))
            .code(Code::Refused)?,
        None => format!("ID=linux\nNAME=\"Linux\"\nPRETTY_NAME=\"Linux {version}\"\n"),
    };
    let parts = uki::Parts {
        os_release: &os_release,
        cmdline: &options.command_line,
        uname: &version,
        sbat: uki::DEFAULT_SBAT,
        ucode: ucode.as_deref(),
        initrd: &initrd,
        linux: &linux,
    };
    let made = match &keys {
        Some(keys) => uki::build(&stub, &parts, keys.db()),
        None => uki::assemble(&stub, &parts),
    };
    let what = || {
        let (stub, kernel) = (options.stub.display(), options.kernel.display());
        format!("the UKI cannot be made of the stub {stub} and the kernel {kernel}")
    };
    let bytes = made.with_context(what).code(Code::Refused)?;
    NewFile::write(&options.output, &bytes)?;
    let made = Made {
        file: &options.output,
        size: bytes.len() as u64,
        kernel: &version,
        signed: keys.is_some(),
    };
    if json {
        return output::print_json(&made);
    }
    let signed = match made.signed {
        true => "signed",
        false => "not signed: --keys signs it",
    };
    output::print(&format!(
        "{}: {}, {signed}\n",
        made.file.display(),
        progress::size(made.size)
    ))
}
