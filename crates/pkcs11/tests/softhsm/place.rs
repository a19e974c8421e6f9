//! A folder with keys and a token, and the program run in it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::token::{MODULE, Softhsm, asker};
use crate::tool;

/// A digest to be signed.
pub(crate) const DIGEST: [u8; 32] = *b"thirty-two bytes, as SHA-256 has";

/// Numbers of attributes (PKCS#11 3.1, section 4.9).
pub(crate) const CKA_SIGN: u64 = 0x108;
pub(crate) const CKA_ALWAYS_AUTHENTICATE: u64 = 0x202;

pub(crate) struct Place {
    folder: tempfile::TempDir,
    pub(crate) softhsm: Softhsm,
}

/// How a run ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Place {
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let softhsm = Softhsm::new(folder.path());
        Self { folder, softhsm }
    }

    /// The token `owner` with the RSA key `db` (01), and `db.key` beside it.
    pub(crate) fn new() -> Self {
        let place = Self::empty();
        place.rsa("db.key");
        place.softhsm.token("owner");
        place
            .softhsm
            .import("owner", &place.path("db.key"), "db", "01");
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn rsa(&self, name: &str) {
        self.openssl(&[
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:2048",
            "-out",
            name,
        ]);
    }

    /// A key with an attribute that no tool sets: SoftHSM keeps it as type, kind (1: a truth) and value.
    pub(crate) fn with(&self, label: &str, id: &str, attribute: u64, value: bool) {
        let key = format!("{label}.key");
        self.rsa(&key);
        let before = self.objects();
        self.softhsm.import("owner", &self.path(&key), label, id);
        let is = [attribute.to_be_bytes(), 1u64.to_be_bytes()].concat();
        let mut changed = 0;
        for path in self.objects().difference(&before) {
            let mut bytes = fs::read(path).unwrap();
            let Some(at) = bytes.windows(16).position(|window| window == is) else {
                continue;
            };
            bytes[at + 16] = if value { 0xff } else { 0 };
            fs::write(path, bytes).unwrap();
            changed += 1;
        }
        assert_eq!(changed, 1, "SoftHSM keeps keys otherwise now");
    }

    /// The files of all objects.
    fn objects(&self) -> BTreeSet<PathBuf> {
        let tokens = fs::read_dir(self.path("tokens")).unwrap();
        let files = tokens.flat_map(|token| fs::read_dir(token.unwrap().path()).unwrap());
        files.map(|file| file.unwrap().path()).collect()
    }

    pub(crate) fn openssl(&self, words: &[&str]) -> Vec<u8> {
        let mut openssl = Command::new("openssl");
        openssl.args(words).current_dir(self.folder.path());
        tool::stdout("openssl", &mut openssl)
    }

    /// What openssl makes of a digest with a key's file.
    pub(crate) fn expected(&self, key: &str, digest: &[u8]) -> Vec<u8> {
        self.write("digest", digest);
        let how = [
            "pkeyutl",
            "-sign",
            "-inkey",
            key,
            "-pkeyopt",
            "digest:sha256",
            "-in",
            "digest",
        ];
        self.openssl(&how)
    }

    /// A program to be started here with nothing of the tests' surroundings, and no terminal.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setsid");
        command.arg("--wait").arg(program).env_clear();
        command
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8");
        command.env("SOFTHSM2_CONF", &self.softhsm.settings);
        command.env("RUST_BACKTRACE", "1");
        command.current_dir(self.folder.path());
        command
    }

    /// The program with these words and this input.
    pub(crate) fn run(&self, words: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command(asker().to_str().unwrap());
        run(command.args(words), input)
    }

    /// The program under pkcs11-spy, which writes all that is asked of the module.
    pub(crate) fn spied(&self, words: &[&str], input: &[u8]) -> (Ran, String) {
        let log = self.path("spy");
        let mut command = self.command(asker().to_str().unwrap());
        command
            .env("PKCS11SPY", MODULE)
            .env("PKCS11SPY_OUTPUT", &log);
        let spied = words
            .iter()
            .map(|word| word.replace(MODULE, "/usr/lib/x86_64-linux-gnu/pkcs11-spy.so"));
        let ran = run(command.args(spied), input);
        let log = fs::read_to_string(log).expect("pkcs11-spy, of Debian's package opensc-pkcs11");
        (ran, log)
    }
}

pub(crate) fn run(command: &mut Command, input: &[u8]) -> Ran {
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // One that takes no input ends before it is given.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("panicked"), "{stderr}");
    Ran {
        code: output.status.code(),
        bytes: output.stdout,
        stderr,
    }
}
