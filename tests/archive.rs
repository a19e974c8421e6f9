//! Files of Debian's archive, fetched once.
//!
//! `SEALBOOT_TEST_CACHE` is the folder of fetched files (`target/test-cache`),
//! `SEALBOOT_TEST_MIRROR` the mirror they come from. Fetched files are test data: their hash
//! is compared, their signature is not, so nothing of them is ever run.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::tool::stdout;

/// Debian's primary mirror.
const MIRROR: &str = "http://deb.debian.org/debian";

/// The folder of fetched files.
pub fn cache() -> PathBuf {
    let folder = std::env::var_os("SEALBOOT_TEST_CACHE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-cache"),
        PathBuf::from,
    );
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
}

/// A file of the mirror, fetched when the cache does not have it: `pool/main/…`, SHA-256 in hex.
pub fn package_file(path: &str, sha256: &str) -> PathBuf {
    let name = path.rsplit('/').next().unwrap_or(path);
    let file = cache().join(format!("{}-{name}", &sha256[..16]));
    if !file.exists() {
        fetch(path, &file, |bytes| {
            let found = hex(&Sha256::digest(bytes));
            assert_eq!(found, sha256, "SHA-256 of {path}");
        });
    }
    file
}

/// The mirror that test data comes from.
pub fn mirror() -> String {
    std::env::var("SEALBOOT_TEST_MIRROR").unwrap_or_else(|_| MIRROR.to_owned())
}

/// Downloads to a file that is either whole or not there.
fn fetch(path: &str, file: &Path, check: impl Fn(&[u8])) {
    let mirror = mirror();
    let part = tempfile::NamedTempFile::new_in(cache()).unwrap();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--location"])
        .args(["--retry", "3", "--output"])
        .arg(part.path())
        .arg(format!("{mirror}/{path}"));
    stdout("curl", &mut curl);
    check(&fs::read(part.path()).unwrap());
    part.persist(file).unwrap();
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The paragraph of a binary package in a suite's `main`, for amd64.
pub fn package(suite: &str, name: &str) -> Paragraph {
    let file = cache().join(format!("{suite}-Packages.xz"));
    // The index changes with every point release, and the packages that it names go away.
    let fresh = fs::metadata(&file).is_ok_and(|metadata| {
        let age = metadata.modified().unwrap().elapsed().unwrap_or_default();
        age.as_secs() < 24 * 60 * 60
    });
    if !fresh {
        fetch(
            &format!("dists/{suite}/main/binary-amd64/Packages.xz"),
            &file,
            |_| {},
        );
    }
    let mut text = String::new();
    let mut reader = liblzma::read::XzDecoder::new(fs::File::open(&file).unwrap());
    reader.read_to_string(&mut text).unwrap();
    let first = format!("Package: {name}\n");
    let mut paragraphs = text.split("\n\n");
    let found = paragraphs.find(|paragraph| paragraph.starts_with(&first));
    Paragraph(
        found
            .unwrap_or_else(|| panic!("no package {name} in {suite}"))
            .to_owned(),
    )
}

/// Fields of a package.
pub struct Paragraph(String);

impl Paragraph {
    /// The value of a field on one line.
    pub fn field(&self, name: &str) -> &str {
        let lines = self.0.lines();
        let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        values
            .next()
            .unwrap_or_else(|| panic!("no {name} in {}", self.0))
    }

    /// The `.deb`, fetched.
    pub fn deb(&self) -> PathBuf {
        package_file(self.field("Filename"), self.field("SHA256"))
    }
}

/// The `.deb` of the kernel that `linux-image-amd64` names in a suite.
pub fn kernel_deb(suite: &str) -> PathBuf {
    let meta = package(suite, "linux-image-amd64");
    let name = meta.field("Depends").split([' ', ',']).next();
    package(suite, name.unwrap_or_default()).deb()
}

/// A package's files as a tar stream.
pub fn deb_tar(deb: &Path) -> Vec<u8> {
    let mut command = Command::new("dpkg-deb");
    stdout("dpkg", command.arg("--fsys-tarfile").arg(deb))
}
