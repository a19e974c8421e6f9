//! The releases that the tests boot, each built once by the command itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A built release and the keys that signed it.
pub struct Release {
    pub keys: PathBuf,
    pub out: PathBuf,
}

/// For a release whose machine is there for something else than damage: its images are checked block by block as
/// they are read. Emulated, reading all of them first takes a third of a start.
pub const AS_READ: &str = "[image]\nlevel = 1\ncheck = 'as-read'\n";

/// The built-in configuration, as `sealboot build` in an empty folder makes it.
pub fn default() -> &'static Release {
    static RELEASE: OnceLock<Release> = OnceLock::new();
    RELEASE.get_or_init(|| build("default", ""))
}

/// Like the built-in one, and it tells the tests what it sees of itself; root as an overlay.
pub fn probe() -> &'static Release {
    static RELEASE: OnceLock<Release> = OnceLock::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vm/probe");
    RELEASE.get_or_init(|| {
        build(
            "probe",
            &format!(
                "[root]\nmode = 'overlay'\n\
                 source = [{{ recovery = true }}, {{ directory = '{}' }}]\n{AS_READ}",
                folder.display()
            ),
        )
    })
}

/// One that requires Secure Boot, and whose root stops its kernel when nothing failed before.
pub fn strict() -> &'static Release {
    static RELEASE: OnceLock<Release> = OnceLock::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vm/strict");
    RELEASE.get_or_init(|| {
        build(
            "strict",
            &format!(
                "[root]\ninit = '/usr/bin/busybox'\narguments = ['init']\n\
                 source = [{{ debian = ['busybox', 'kmod'] }}, {{ directory = '{}' }}]\n\
                 [uki]\ncommand_line = 'console=ttyS0,115200 panic=1 oops=panic loglevel=4 \
                 sealboot.wait=3 sealboot.pause=1 sealboot.patience=20'\n\
                 [policy]\nsecure_boot = 'required'\n\
                 [firmware]\nsource = []\n[image]\nlevel = 1\n",
                folder.display()
            ),
        )
    })
}

/// Debian 12's kernel 6.1, which cannot check root-hash signatures against db; from a local
/// package file, and has no IPE. The rest is Debian 13's.
pub fn bookworm() -> &'static Release {
    static RELEASE: OnceLock<Release> = OnceLock::new();
    RELEASE.get_or_init(|| {
        let kernel = tests::kernel_deb("bookworm");
        build(
            "bookworm",
            &format!(
                "[kernel]\nsource = [{{ deb = ['{}'] }}]\n\
                 [policy]\nexecute = 'any'\n\
                 {AS_READ}[firmware]\nsource = []\n",
                kernel.canonicalize().unwrap().display()
            ),
        )
    })
}

/// Two releases of one owner, the newer one first: they differ in their version, one file, and how
/// their images are compressed. Of the same files and written the same, images are the same.
pub fn pair() -> (&'static Release, &'static Release) {
    static RELEASES: OnceLock<(Release, Release)> = OnceLock::new();
    let (newer, older) = RELEASES.get_or_init(|| {
        let kernel = small_kernel();
        let older = build("older", &numbered("older", "1.0", 2, &kernel));
        let newer = numbered("newer", "1.1", 1, &kernel);
        let newer = build_with("newer", &newer, &older.keys);
        (newer, older)
    });
    (newer, older)
}

/// What a machine of the tests has no use for: two thirds of all modules.
const NOT_NEEDED: &str = "sound net drivers/comedi drivers/gpu drivers/hwmon drivers/iio drivers/infiniband \
                          drivers/media drivers/mtd drivers/net drivers/platform drivers/staging drivers/target \
                          drivers/video";

/// Debian's kernel with few modules: every one of the many machines that damage is tried on reads all of the
/// image before it starts, and `verify` does for each change.
fn small_kernel() -> PathBuf {
    let folder = scratch("small-kernel");
    let mut unpack = Command::new("dpkg-deb");
    unpack.arg("-x").arg(tests::kernel_deb("trixie"));
    succeed(unpack.arg(&folder));
    let versions = fs::read_dir(folder.join("usr/lib/modules")).unwrap();
    for version in versions {
        let modules = version.unwrap().path().join("kernel");
        for part in NOT_NEEDED.split_whitespace() {
            fs::remove_dir_all(modules.join(part)).unwrap();
        }
    }
    folder
}

/// A release with a file that says its version, few modules and little firmware: it is there to be changed,
/// and tells what runs of it.
fn numbered(name: &str, version: &str, level: u8, kernel: &Path) -> String {
    let files = scratch(&format!("{name}-files"));
    fs::write(files.join("release-number"), format!("{version}\n")).unwrap();
    let probe = Path::new(env!("CARGO_MANIFEST_DIR")).join("vm/probe");
    format!(
        "version = '{version}'\n[image]\nlevel = {level}\n\
         [kernel]\nsource = [{{ directory = '{}' }}]\n\
         [firmware]\nsource = [{{ debian = ['firmware-linux-free'] }}]\n\
         [root]\nsource = [{{ recovery = true }}, {{ directory = '{}' }}, {{ directory = '{}' }}]\n",
        kernel.display(),
        probe.display(),
        files.display()
    )
}

/// The command under test.
pub fn sealboot() -> Command {
    let path = std::env::var_os("SEALBOOT")
        .expect("SEALBOOT is not set to the command under test: run 'cargo xtask test'");
    Command::new(path)
}

/// What the command downloads, shared by all tests and kept between runs.
pub fn downloads() -> PathBuf {
    tests::cache().join("sealboot")
}

/// A folder of its own for a test, emptied.
pub fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("vm").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs a command to its end and returns what it printed; anything but success fails the test.
pub fn succeed(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?} cannot start: {e}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{out}\n{err}",
        output.status
    );
    out
}

/// Builds `sealboot.toml` with this content, with keys of its own.
pub fn build(name: &str, config: &str) -> Release {
    let keys = scratch(&format!("{name}-keys")).join("keys");
    let mut create = sealboot();
    create.args(["keys", "create", "--no-passphrase", "--keys"]);
    succeed(create.arg(&keys));
    build_with(name, config, &keys)
}

pub fn build_with(name: &str, config: &str, keys: &Path) -> Release {
    let folder = scratch(name);
    fs::write(folder.join("sealboot.toml"), config).unwrap();
    let mut build = sealboot();
    build.arg("build").arg("--cache").arg(downloads());
    build.arg("--keys").arg(keys).current_dir(&folder);
    succeed(&mut build);
    Release {
        keys: keys.to_owned(),
        out: folder.join("out"),
    }
}
