//! A folder with the smallest inputs that make a release, and the command run in it.
//!
//! Nothing of it boots: kernel and stub are PE headers without a program. That is all that a
//! build looks at, so a whole build takes a fraction of a second.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use formats::modinfo::{Modinfo, writer};

/// The made-up kernel's version.
pub(crate) const VERSION: &str = "6.12.1-test";

/// The configuration that goes with the inputs of [`Place::new`].
pub(crate) const CONFIG: &str = "\
version = '1'
[kernel]
source = [{ directory = 'kernel' }]
[firmware]
source = []
[root]
source = [{ directory = 'root' }]
[initrd]
level = 1
[uki]
stub = [{ directory = 'stub' }]
stub_path = 'linuxx64.efi.stub'
[image]
level = 1
";

/// What [`Place::earlier_release`] puts into `out`.
const EARLIER: [(&str, &str); 3] = [
    ("kernel.efi", "earlier kernel"),
    ("release.json", "earlier release"),
    ("notes.txt", "the owner's own"),
];

/// A folder of its own for one run of the command or several.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

/// How a run ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// Keys without a passphrase, a configuration, and sources for kernel, root and stub.
    pub(crate) fn new() -> Self {
        let place = Self::empty();
        place.fill();
        place
    }

    fn fill(&self) {
        for (name, bytes) in made_keys() {
            self.write(&format!("keys/{name}"), bytes);
        }
        self.mode("keys/db.key", 0o600);
        self.write("sealboot.toml", CONFIG);
        self.add_kernel(VERSION);
        self.write("root/sbin/init", "#!/bin/sh\n");
        self.mode("root/sbin/init", 0o755);
        self.write("stub/linuxx64.efi.stub", pe());
    }

    /// Takes every fault away: all is as [`Self::new`] made it, but for what the command leaves.
    pub(crate) fn restore(&self) {
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if !["out", "home", "cache"].contains(&name.as_str()) {
                self.remove(&name);
            }
        }
        if self.path("out").exists() {
            self.mode("out", 0o755);
        }
        self.fill();
    }

    /// Every file, folder and link with its size, mode and time of change, but for what is kept
    /// of downloads.
    pub(crate) fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        let mut todo = vec![self.folder.path().to_owned()];
        while let Some(path) = todo.pop() {
            for entry in fs::read_dir(&path).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(self.folder.path()).unwrap().to_owned();
                if ["home", "cache"].iter().any(|kept| name.starts_with(kept)) {
                    continue;
                }
                let is = fs::symlink_metadata(&path).unwrap();
                let (mode, size) = (is.permissions().mode(), is.len());
                if is.is_dir() {
                    found.insert(name, format!("{mode:o}"));
                    todo.push(path);
                } else {
                    let time = is.modified().unwrap();
                    found.insert(name, format!("{mode:o} {size} {time:?}"));
                }
            }
        }
        found
    }

    /// A text without what is different at every run.
    pub(crate) fn told(&self, text: &str) -> String {
        let text = text.replace(self.folder.path().to_str().unwrap(), "/home/owner/system");
        let text = without_ports(&text);
        // The name of a temporary folder ends with chance.
        match text.split_once("/.tmp") {
            Some((before, after)) => {
                let after = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
                format!("{before}/.tmpXXXXXX{after}")
            }
            None => text,
        }
    }

    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
    }

    pub(crate) fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        let path = self.path(name);
        match path.is_dir() && !path.is_symlink() {
            true => fs::remove_dir_all(path).unwrap(),
            false => fs::remove_file(path).unwrap(),
        }
    }

    /// Replaces a part of the configuration, which must be there.
    pub(crate) fn configure(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.path("sealboot.toml")).unwrap();
        assert!(text.contains(from), "{from:?} is not in {text}");
        self.write("sealboot.toml", text.replacen(from, to, 1));
    }

    pub(crate) fn add_kernel(&self, version: &str) {
        let module = writer::write(&Modinfo {
            strings: vec![("name".to_owned(), "one".to_owned())],
            exports: Vec::new(),
            imports: Vec::new(),
            signed: true,
        });
        let builtin: String = (contract::modules::REQUIRED.iter())
            .map(|name| format!("kernel/{name}.ko\n"))
            .collect();
        let folder = format!("kernel/usr/lib/modules/{version}");
        self.write(&format!("kernel/boot/vmlinuz-{version}"), pe());
        self.write(&format!("{folder}/modules.builtin"), builtin);
        self.write(&format!("{folder}/kernel/one.ko"), module);
    }

    /// Puts an earlier release and a file of the owner into `out`.
    pub(crate) fn earlier_release(&self) {
        for (name, content) in EARLIER {
            self.write(&format!("out/{name}"), content);
        }
    }

    /// Whether `out` is as [`Self::earlier_release`] left it.
    pub(crate) fn check_earlier_release(&self, case: &str) {
        let expected = EARLIER.map(|(name, content)| (name.to_owned(), content.into()));
        assert_eq!(self.files("out"), BTreeMap::from(expected), "{case}");
    }

    /// Every file below a folder, by its path from there.
    pub(crate) fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut todo = vec![self.path(folder)];
        while let Some(path) = todo.pop() {
            for entry in fs::read_dir(path).into_iter().flatten() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(self.path(folder)).unwrap();
                let name = name.to_str().unwrap().to_owned();
                if path.is_dir() {
                    found.insert(format!("{name}/"), Vec::new());
                    todo.push(path);
                } else {
                    found.insert(name, fs::read(&path).unwrap());
                }
            }
        }
        found.retain(|name, _| !name.ends_with('/') || name.starts_with('.'));
        found
    }

    /// The command, to be started in this folder with nothing of the tests' surroundings.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let bin = Path::new(SEALBOOT).parent().unwrap();
        let mut command = Command::new(program.as_ref());
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", bin.display()),
            )
            .env("HOME", self.path("home"))
            .env("RUST_BACKTRACE", "1")
            // Nothing of these tests is elsewhere: nobody answers there.
            .env("http_proxy", "http://127.0.0.1:9")
            .stdin(Stdio::null());
        command
    }

    /// What a person would type, to a shell.
    pub(crate) fn line(&self, line: &str) -> Ran {
        run(self.command("sh").args(["-c", line]))
    }

    pub(crate) fn sealboot(&self, arguments: &[&str]) -> Ran {
        run(self.command(SEALBOOT).args(arguments))
    }
}

/// A text without the ports that servers of the tests were given; these have five digits.
fn without_ports(text: &str) -> String {
    let mut parts = text
        .split(".0.0.1:")
        .flat_map(|part| part.split_inclusive(".0.0.0:"));
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        if !out.ends_with(':') {
            out.push_str(".0.0.1:");
        }
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        out.push_str(if digits == 5 { "PORT" } else { &part[..digits] });
        out.push_str(&part[digits..]);
    }
    out
}

/// The command under test.
pub(crate) const SEALBOOT: &str = env!("CARGO_BIN_EXE_sealboot");

pub(crate) fn run(command: &mut Command) -> Ran {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()));
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ran {
    /// The error at the end of what was printed; empty when there is none.
    pub(crate) fn message(&self) -> &str {
        let starts = ["sealboot: ", "error: "].map(|start| {
            let lines = format!("\n{}", self.stderr);
            lines.rfind(&format!("\n{start}"))
        });
        match starts.into_iter().flatten().max() {
            Some(start) => &self.stderr[start..],
            None => "",
        }
    }

    /// It ended with this code, said all of this, in a form that a person can read.
    pub(crate) fn check(&self, case: &str, code: i32, words: &[&str]) {
        let Self { stderr, .. } = self;
        for never in ["panicked", "backtrace", "RUST_", "assertion"] {
            assert!(!stderr.contains(never), "{case}: {never} in\n{stderr}");
        }
        assert_eq!(self.code, Some(code), "{case}: {stderr}");
        for word in words {
            assert!(
                stderr.contains(word),
                "{case}: {word:?} is not in\n{stderr}"
            );
        }
        if code == 0 {
            return;
        }
        let message = self.message();
        assert!(!message.is_empty(), "{case}: no error in\n{stderr}");
        let causes: Vec<&str> = message.split("\n  because: ").map(str::trim).collect();
        for (index, cause) in causes.iter().enumerate() {
            assert!(!cause.is_empty(), "{case}: an empty cause in\n{message}");
            for other in &causes[..index] {
                let twice = other.contains(cause) || cause.contains(other);
                assert!(!twice, "{case}: {cause:?} is said twice in\n{message}");
            }
        }
    }
}

/// The files of a keys folder without a passphrase: made once, because RSA takes its time.
pub(crate) fn made_keys() -> &'static BTreeMap<String, Vec<u8>> {
    static KEYS: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let place = Place::empty();
        let ran = place.sealboot(&["keys", "create", "--no-passphrase"]);
        ran.check("keys create", 0, &[]);
        place.files("keys")
    })
}

/// A PE file for EFI on x86-64 that holds one section and does nothing: stub and kernel.
pub(crate) fn pe() -> Vec<u8> {
    let mut file = vec![0; 0x600];
    let (coff, optional, section) = (0x44, 0x58, 0x58 + 112 + 16 * 8);
    let words: &[(usize, u32)] = &[
        (0, u32::from_le_bytes(*b"MZ\0\0")),
        (0x3c, 0x40),
        (0x40, u32::from_le_bytes(*b"PE\0\0")),
        (coff, 0x0001_8664),             // one section, x86-64
        (coff + 16, 0x022e_0000 | 0xf0), // size of the optional header, characteristics
        (optional, 0x20b),               // PE32+
        (optional + 32, 0x1000),         // section alignment
        (optional + 36, 0x200),          // file alignment
        (optional + 56, 0x2000),         // size of the image
        (optional + 60, 0x400),          // size of the headers
        (optional + 68, 0x0160_000a),    // EFI application
        (optional + 108, 16),            // data directories
        (section, u32::from_le_bytes(*b".tex")),
        (section + 4, u32::from_le_bytes(*b"t\0\0\0")),
        (section + 8, 0x180),
        (section + 12, 0x1000),
        (section + 16, 0x200),
        (section + 20, 0x400),
        (section + 36, 0x6000_0020),
    ];
    for (at, word) in words {
        file[*at..*at + 4].copy_from_slice(&word.to_le_bytes());
    }
    file
}
