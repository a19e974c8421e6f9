//! `sealboot uki build`: files of this machine as one UKI.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use anyhow::Context;
use artifact::uki;
use formats::pe::Data;
use serde::Serialize;
use source::kernel::image_version;

use super::new_file::NewFile;
use super::{open_keys, read};
use crate::args;
use crate::exit::{Code, WithCode};
use crate::keys::{self, OwnerKeys};
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
    let passphrase = &options.signing.opening.passphrase;
    let pcr_key = options.pcr_key.as_deref();
    let pcr_key = pcr_key
        .map(|path| keys::open_pcr(path, passphrase))
        .transpose()?;
    let phases = match options.pcr_phase.as_slice() {
        [] => formats::pcr::paths(),
        some => some.to_vec(),
    };
    let stub = read(&options.stub)?;
    let linux = read(&options.kernel)?;
    let initrd = Input::open(&options.initrd)?;
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
        initrd: initrd.data(),
        linux: &linux,
        pcr: pcr_key.as_ref().map(|key| uki::PcrSigner {
            key,
            phases: &phases,
        }),
    };
    let signer = keys.as_ref().and_then(OwnerKeys::db);
    let mut new = NewFile::create_large(&options.output)?;
    let mut give = |out: &mut dyn Write| copy(&options.initrd, &initrd, out);
    let size = uki::write(&stub, &parts, signer, new.file(), &mut give)
        .map_err(|error| {
            let (stub, kernel) = (options.stub.display(), options.kernel.display());
            cannot_be_made(error, &options.output, stub, kernel)
        })
        .input_code()?;
    new.publish()?;
    let made = Made {
        file: &options.output,
        size,
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

/// What is said of a UKI that was to be in `file`, by what its stub and kernel are called.
pub fn cannot_be_made(
    error: uki::Error,
    file: &Path,
    stub: impl Display,
    kernel: impl Display,
) -> anyhow::Error {
    match error {
        uki::Error::Write(error) => {
            anyhow::Error::from(error).context(format!("{} cannot be written", file.display()))
        }
        error => anyhow::Error::from(error).context(format!(
            "the UKI cannot be made of the stub {stub} and the kernel {kernel}"
        )),
    }
}

/// Where the bytes of the initrd come from.
enum Input {
    /// A file of so many bytes, which is read when they are written.
    File(File, u64),
    /// A pipe: nobody knows its size before.
    Read(Vec<u8>),
}

impl Input {
    fn open(path: &Path) -> anyhow::Result<Self> {
        match fs::metadata(path) {
            Ok(is) if is.is_file() => {
                let cannot = || format!("{} cannot be read", path.display());
                let file = File::open(path).with_context(cannot).input_code()?;
                Ok(Self::File(file, is.len()))
            }
            _ => read(path).map(Self::Read),
        }
    }

    fn data(&self) -> Data<'_> {
        match self {
            Self::File(_, size) => Data::Later(*size),
            Self::Read(bytes) => Data::Bytes(bytes),
        }
    }
}

/// Copies the file that is at `path`; what is in memory is not asked for.
fn copy(path: &Path, input: &Input, out: &mut dyn Write) -> io::Result<()> {
    let Input::File(file, _) = input else {
        return Ok(());
    };
    let (mut file, mut buffer) = (file, vec![0; 1 << 18]);
    // It may be asked for twice.
    file.rewind()?;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => out.write_all(buffer.get(..read).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                let words = format!("{} cannot be read: {error}", path.display());
                return Err(io::Error::new(error.kind(), words));
            }
        }
    }
}
