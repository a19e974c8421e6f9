//! A small Alpine repository: packages and an index, made as abuild makes them (apk-v2(5)), and
//! signed with OpenSSL.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use source::alpine::Checksum;

/// When everything was made: seconds since 1970.
pub(crate) const MADE: u64 = 1_710_000_000;

/// An RSA key whose private half OpenSSL has.
pub(crate) struct Key {
    /// File name of its public half.
    pub(crate) name: &'static str,
    /// PEM.
    pub(crate) public: Vec<u8>,
    private: PathBuf,
}

/// The key that signs, and one that nobody trusts. Made once: RSA takes its time.
pub(crate) fn key(number: usize) -> &'static Key {
    static KEYS: [OnceLock<Key>; 2] = [OnceLock::new(), OnceLock::new()];
    const NAMES: [&str; 2] = ["us@example-1.rsa.pub", "stranger@example-2.rsa.pub"];
    KEYS[number].get_or_init(|| {
        let folder = tempfile::tempdir().unwrap().keep();
        let private = folder.join("key.pem");
        let path = private.to_str().unwrap();
        run("openssl", &["genrsa", "-out", path, "2048"], b"");
        let public = run("openssl", &["rsa", "-in", path, "-pubout"], b"");
        Key {
            name: NAMES[number],
            public,
            private,
        }
    })
}

impl Key {
    /// A signature entry's name and content; `algorithm` is `RSA` or `RSA256`.
    pub(crate) fn sign(&self, algorithm: &str, bytes: &[u8]) -> (String, Vec<u8>) {
        let hash = if algorithm == "RSA" {
            "-sha1"
        } else {
            "-sha256"
        };
        let key = self.private.to_str().unwrap();
        let signature = run("openssl", &["dgst", hash, "-sign", key], bytes);
        (format!(".SIGN.{algorithm}.{}", self.name), signature)
    }
}

/// What a package is made of.
#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// Lines of `.PKGINFO`: `depend`, `provides` …
    pub(crate) info: Vec<(&'static str, &'static str)>,
    /// Files by path; a path that ends with a slash is a folder.
    pub(crate) files: Vec<(&'static str, Vec<u8>)>,
    /// Names of scripts.
    pub(crate) scripts: Vec<&'static str>,
    /// Who signs it, and how.
    pub(crate) key: Option<(usize, &'static str)>,
}

impl Spec {
    pub(crate) fn new(name: &'static str, version: &'static str) -> Self {
        Self {
            name,
            version,
            info: Vec::new(),
            files: Vec::new(),
            scripts: Vec::new(),
            key: Some((0, "RSA")),
        }
    }

    pub(crate) fn info(mut self, name: &'static str, value: &'static str) -> Self {
        self.info.push((name, value));
        self
    }

    pub(crate) fn file(mut self, path: &'static str, content: &[u8]) -> Self {
        self.files.push((path, content.to_vec()));
        self
    }

    pub(crate) fn script(mut self, name: &'static str) -> Self {
        self.scripts.push(name);
        self
    }

    pub(crate) fn signed(mut self, key: Option<(usize, &'static str)>) -> Self {
        self.key = key;
        self
    }

    pub(crate) fn file_name(&self) -> String {
        format!("{}-{}.apk", self.name, self.version)
    }

    /// The package's control part and data, each packed.
    pub(crate) fn parts(&self) -> (Vec<u8>, Vec<u8>) {
        let entries: Vec<(String, Vec<u8>)> = self
            .files
            .iter()
            .map(|(path, content)| ((*path).to_owned(), content.clone()))
            .collect();
        let data = member(&entries, true);
        let hash = run("sha256sum", &[], &data);
        let hash = std::str::from_utf8(&hash[..64]).unwrap();
        let mut info = format!(
            "# made by a test\npkgname = {}\npkgver = {}\npkgdesc = A package\nurl = http://u\n\
             builddate = {MADE}\nsize = 4096\narch = x86_64\norigin = {}\nlicense = MIT\n",
            self.name, self.version, self.name
        );
        for (name, value) in &self.info {
            info.push_str(&format!("{name} = {value}\n"));
        }
        info.push_str(&format!("datahash = {hash}\n"));
        let mut control = vec![(".PKGINFO".to_owned(), info.into_bytes())];
        let script = b"#!/bin/sh\nexit 1\n".to_vec();
        control.extend(
            self.scripts
                .iter()
                .map(|name| (format!(".{name}"), script.clone())),
        );
        (member(&control, false), data)
    }

    /// The `.apk`.
    pub(crate) fn apk(&self) -> Vec<u8> {
        let (control, data) = self.parts();
        [self.signature(&control), control, data].concat()
    }

    pub(crate) fn signature(&self, control: &[u8]) -> Vec<u8> {
        match self.key {
            Some((number, algorithm)) => member(&[key(number).sign(algorithm, control)], false),
            None => Vec::new(),
        }
    }

    /// Its entry in an index.
    fn entry(&self) -> String {
        let (control, data) = self.parts();
        let size = self.signature(&control).len() + control.len() + data.len();
        let mut entry = format!(
            "C:{}\nP:{}\nV:{}\nA:x86_64\nS:{size}\nI:4096\nT:A package\nU:http://u\nL:MIT\no:{}\n\
             t:{MADE}\n",
            Checksum::of(&control),
            self.name,
            self.version,
            self.name
        );
        const LETTERS: [(&str, &str); 6] = [
            ("provider_priority", "k"),
            ("depend", "D"),
            ("provides", "p"),
            ("install_if", "i"),
            ("replaces", "r"),
            ("replaces_priority", "q"),
        ];
        for (name, letter) in LETTERS {
            let values = self.info.iter().filter(|(known, _)| *known == name);
            let values: Vec<&str> = values.map(|(_, value)| *value).collect();
            if !values.is_empty() {
                entry.push_str(&format!("{letter}:{}\n", values.join(" ")));
            }
        }
        entry + "\n"
    }
}

/// What an index is made of beside its packages.
#[derive(Clone)]
pub(crate) struct Listing {
    pub(crate) description: &'static str,
    pub(crate) made: u64,
    pub(crate) key: Option<(usize, &'static str)>,
    /// Behind the packages.
    pub(crate) more: &'static str,
}

impl Default for Listing {
    fn default() -> Self {
        Self {
            description: "v3.20.3-1-gabcdef",
            made: MADE,
            key: Some((0, "RSA")),
            more: "",
        }
    }
}

impl Listing {
    /// The `APKINDEX.tar.gz` of some packages.
    pub(crate) fn index(&self, packages: &[Spec]) -> Vec<u8> {
        let entries: String = packages.iter().map(Spec::entry).collect();
        let list = member_of(
            &[
                (
                    "DESCRIPTION".to_owned(),
                    self.description.as_bytes().to_vec(),
                ),
                ("APKINDEX".to_owned(), (entries + self.more).into_bytes()),
            ],
            true,
            self.made,
        );
        let signature = match self.key {
            Some((number, algorithm)) => member(&[key(number).sign(algorithm, &list)], false),
            None => Vec::new(),
        };
        [signature, list].concat()
    }
}

/// A gzip member with a tar of these files; only the last one of a stream has a tar's end.
pub(crate) fn member(entries: &[(String, Vec<u8>)], end: bool) -> Vec<u8> {
    member_of(entries, end, MADE)
}

fn member_of(entries: &[(String, Vec<u8>)], end: bool, made: u64) -> Vec<u8> {
    let mut tar = Vec::new();
    for (path, content) in entries {
        if end && !path.ends_with('/') {
            tar.extend(checksum(path, content, made));
        }
        tar.extend(header(path, content, made));
        if !path.ends_with('/') && !path.contains(" -> ") {
            tar.extend(content);
            tar.resize(tar.len().next_multiple_of(512), 0);
        }
    }
    if end {
        tar.resize(tar.len() + 1024, 0);
    }
    run("gzip", &["--no-name", "--stdout"], &tar)
}

/// The extended header that abuild puts before each file of the data: SHA-1 of its content, or
/// of its target.
fn checksum(path: &str, content: &[u8], made: u64) -> Vec<u8> {
    let target = path.split_once(" -> ").map(|(_, target)| target.as_bytes());
    let Checksum(sum) = Checksum::of(target.unwrap_or(content));
    let hex: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    let record = format!("68 APK-TOOLS.checksum.SHA1={hex}\n");
    assert_eq!(record.len(), 68, "{record}");
    let mut blocks = header("PaxHeaders/file", record.as_bytes(), made);
    blocks[156] = b'x';
    seal(&mut blocks);
    let mut bytes = blocks.to_vec();
    bytes.extend(record.as_bytes());
    bytes.resize(1024, 0);
    bytes
}

/// Puts a header's checksum into it.
fn seal(block: &mut [u8; 512]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// A header block (POSIX ustar). `path -> target` is a link; a path may start with `MODE:`.
fn header(path: &str, content: &[u8], made: u64) -> [u8; 512] {
    let (mode, path) = match path.split_once(':') {
        Some((mode, rest)) if mode.bytes().all(|b| b.is_ascii_digit()) => (mode, rest),
        _ if path.ends_with('/') => ("755", path),
        _ => ("644", path),
    };
    let (path, target) = path.split_once(" -> ").unwrap_or((path, ""));
    let (kind, size) = match (path.ends_with('/'), target) {
        (true, _) => (b'5', 0),
        (false, "") => (b'0', content.len()),
        (false, _) => (b'2', 0),
    };
    let mut block = [0; 512];
    let mut put = |at: usize, text: &str| {
        block[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    put(0, path);
    put(100, &format!("{mode:0>7}"));
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{size:011o}"));
    put(136, &format!("{made:011o}"));
    put(157, target);
    put(257, "ustar\x0000root");
    put(297, "root");
    block[156] = kind;
    seal(&mut block);
    block
}

/// Bytes that do not compress, always the same.
pub(crate) fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// Standard output of a tool that is given `input`.
fn run(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}: apt-get install openssl gzip"));
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).unwrap());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}");
        output.stdout
    })
}
