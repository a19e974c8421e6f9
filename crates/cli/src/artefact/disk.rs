//! `sealboot disk build`: files of this machine on a disk that firmware can start from.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::Context;
use media::disk::{DiskOptions, DiskPlan, FileOnSlot, Source};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::new_file::NewFile;
use crate::args;
use crate::build::date;
use crate::exit::{Code, WithCode};
use crate::output;
use crate::progress::{self, Progress};

/// How much of each end of a file tells it from others, in bytes: signatures, digests and dates are
/// there.
const END: u64 = 64 << 10;

/// What came out.
#[derive(Serialize)]
struct Made<'a> {
    /// Where it is.
    file: &'a Path,
    /// Size of the disk, in bytes.
    size: u64,
    /// What all files hold together, in bytes.
    content: u64,
}

/// Does what the command line says.
pub fn build(options: &args::DiskBuild, json: bool, quiet: bool) -> anyhow::Result<()> {
    let mut seed = Sha256::new_with_prefix("sealboot disk");
    let mut newest = 0;
    let mut files = Vec::new();
    for pair in &options.files {
        let (file, path) = split(pair)?;
        let (size, mtime) = take_in(&mut seed, &file, path)
            .with_context(|| format!("{} cannot be read", file.display()))
            .input_code()?;
        newest = newest.max(mtime);
        files.push(FileOnSlot {
            path: path.to_owned(),
            size,
            source: Source::File(file),
        });
    }
    let epoch = date::given()?.map_or(newest, i64::from);
    seed.update(epoch.to_le_bytes());
    let seed: [u8; 32] = seed.finalize().into();
    let mut asked = DiskOptions {
        partition_name: options.partition_name.clone(),
        volume_label: options.volume_label.clone(),
        ..DiskOptions::new(files, &seed, epoch)
    };
    if let Some(size) = options.size {
        // Who says how large it is says how much is free.
        (asked.disk_size, asked.free) = (Some(size << 20), 0);
    }
    let plan = DiskPlan::new(asked)
        .context("the files do not fit on such a disk")
        .code(Code::Refused)?;
    if options.dry_run {
        return output::print(&format!("{plan}\n"));
    }
    let step = Progress::new(quiet || json).step("disk");
    let (size, content) = (plan.disk_size(), plan.content_size());
    let mut new = NewFile::create_large(&options.output)?;
    plan.write(new.file(), &mut |done| step.bytes(done, content))
        .with_context(|| format!("{} cannot be written", options.output.display()))
        .input_code()?;
    new.publish()?;
    step.clear();
    let file = options.output.as_path();
    match json {
        true => output::print_json(&Made {
            file,
            size,
            content,
        }),
        false => output::print(&format!(
            "{}: {}, {} used\n",
            file.display(),
            progress::size(size),
            progress::size(content)
        )),
    }
}

/// `FILE=PATH`; the path has no `=`, which FAT would allow and nobody wants.
fn split(pair: &str) -> anyhow::Result<(PathBuf, &str)> {
    let parts = pair.rsplit_once('=');
    let parts = parts.filter(|(file, path)| !file.is_empty() && !path.is_empty());
    let (file, path) = parts
        .with_context(|| {
            format!("{pair:?} does not say what goes where; kernel.efi=EFI/BOOT/BOOTX64.EFI would")
        })
        .code(Code::Usage)?;
    Ok((PathBuf::from(file), path))
}

/// What tells a file from others goes into `seed`: reading all of it would take as long as writing the
/// disk. Returns its size in bytes and its time in seconds since 1970.
fn take_in(seed: &mut Sha256, file: &Path, path: &str) -> anyhow::Result<(u64, i64)> {
    let mut opened = File::open(file)?;
    let metadata = opened.metadata()?;
    if !metadata.is_file() {
        anyhow::bail!("it is not a file");
    }
    let size = metadata.len();
    seed.update((path.len() as u64).to_le_bytes());
    seed.update(path);
    seed.update(size.to_le_bytes());
    for start in [0, size.saturating_sub(END)] {
        let mut end = Vec::new();
        opened.seek(SeekFrom::Start(start))?;
        opened.by_ref().take(END).read_to_end(&mut end)?;
        seed.update(&end);
    }
    let since = metadata.modified()?.duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |time| time.as_secs());
    Ok((size, i64::try_from(seconds)?))
}
