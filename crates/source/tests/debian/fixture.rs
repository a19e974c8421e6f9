//! A small archive, signed with a throw-away key, and a cache to fetch it into.

use crate::server::Server;
use pgp::composed::{
    CleartextSignedMessage, KeyType, SecretKeyParamsBuilder, SignedPublicKey, SignedSecretKey,
    SubkeyParamsBuilder,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{Password, SigningKey, Timestamp};
use rand::SeedableRng;
use source::debian::{Archive, Deb, Follow, Keyring, Mirrors, download, resolve};
use source::fetch::{Cache, Client, Digest, Settings};
use source::layer::Layer;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// When the tests take place: [`TODAY`], in seconds since 1970.
pub(crate) const NOW: u64 = 1_795_252_544;
pub(crate) const TODAY: &str = "Sat, 21 Nov 2026 09:15:44 UTC";
pub(crate) const YESTERDAY: &str = "Fri, 20 Nov 2026 09:15:44 UTC";
pub(crate) const TOMORROW: &str = "Sun, 22 Nov 2026 09:15:44 UTC";

/// When keys are made, in seconds since 1970.
pub(crate) const KEY_MADE: u32 = 1_700_000_000;

pub(crate) const IN_RELEASE: &str = "/debian/dists/trixie/InRelease";
pub(crate) const PACKAGES: &str = "/debian/dists/trixie/main/binary-amd64/Packages.xz";
pub(crate) const BIG: &str = "/debian/pool/big_1_amd64.deb";

/// A key that signs with its primary key, and with a subkey.
pub(crate) fn key(seed: u64) -> SignedSecretKey {
    key_of(KeyType::Ed25519, seed)
}

pub(crate) fn key_of(primary: KeyType, seed: u64) -> SignedSecretKey {
    let made = Timestamp::from_secs(KEY_MADE);
    let subkey = SubkeyParamsBuilder::default()
        .key_type(KeyType::Ed25519)
        .can_sign(true)
        .created_at(made)
        .build()
        .unwrap();
    let mut key = SecretKeyParamsBuilder::default();
    key.key_type(primary)
        .can_certify(true)
        .can_sign(true)
        .created_at(made)
        .primary_user_id(format!("Test key {seed}"))
        .subkey(subkey);
    key.build()
        .unwrap()
        .generate(rand::rngs::StdRng::seed_from_u64(seed))
        .unwrap()
}

pub(crate) fn keyring(key: &SignedPublicKey) -> Keyring {
    let mut keyring = Keyring::default();
    keyring
        .add("of the test", &key.to_bytes().unwrap())
        .unwrap();
    keyring
}

/// How to sign.
pub(crate) struct Signing {
    pub(crate) kind: SignatureType,
    pub(crate) hash: HashAlgorithm,
    /// In seconds since 1970.
    pub(crate) at: u64,
    pub(crate) more: Vec<Subpacket>,
}

impl Default for Signing {
    fn default() -> Self {
        Self {
            kind: SignatureType::Text,
            hash: HashAlgorithm::Sha256,
            at: NOW,
            more: Vec::new(),
        }
    }
}

impl Signing {
    /// A signed file in the cleartext framework.
    pub(crate) fn sign(self, text: &str, key: &impl SigningKey) -> Vec<u8> {
        let mut config = SignatureConfig::v4(self.kind, key.algorithm(), self.hash);
        let at = Timestamp::from_secs(self.at as u32);
        config.hashed_subpackets = vec![
            Subpacket::regular(SubpacketData::SignatureCreationTime(at)).unwrap(),
            Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint())).unwrap(),
        ];
        config.hashed_subpackets.extend(self.more);
        let message = CleartextSignedMessage::new(text, config, key, &Password::empty()).unwrap();
        message
            .to_armored_bytes(pgp::composed::ArmorOptions::default())
            .unwrap()
    }
}

/// What the archive says and has.
#[derive(Clone)]
pub(crate) struct Contents {
    pub(crate) codename: &'static str,
    pub(crate) date: &'static str,
    pub(crate) valid_until: Option<&'static str>,
    pub(crate) by_hash: bool,
    /// Instead of the compressed package list.
    pub(crate) packages: Option<Vec<u8>>,
}

impl Default for Contents {
    fn default() -> Self {
        Self {
            codename: "trixie",
            date: TODAY,
            valid_until: None,
            by_hash: true,
            packages: None,
        }
    }
}

/// Bytes that no compressor and no lucky offset makes shorter.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..length).map(|_| next()).collect()
}

fn tar(path: &str, data: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(data.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, path, data).unwrap();
    builder.into_inner().unwrap()
}

fn deb(name: &str, data: &[u8]) -> Vec<u8> {
    let control = format!("Package: {name}\nVersion: 1\nArchitecture: amd64\n");
    let (control, data) = (tar("./control", control.as_bytes()), tar("./data", data));
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, data) in [
        ("debian-binary", &b"2.0\n"[..]),
        ("control.tar", &control),
        ("data.tar", &data),
    ] {
        writeln!(
            bytes,
            "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`",
            0,
            0,
            0,
            100_644,
            data.len()
        )
        .unwrap();
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    }
    bytes
}

pub(crate) fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

impl Contents {
    /// Puts the archive's files on the server and returns the text to sign.
    pub(crate) fn put(&self, server: &Server) -> String {
        let mut list = String::new();
        for (name, depends, data) in [
            ("small", "Depends: big\n", noise(100)),
            ("big", "", noise(100_000)),
        ] {
            let bytes = deb(name, &data);
            list.push_str(&format!(
                "Package: {name}\nVersion: 1\nArchitecture: amd64\n{depends}\
                 Filename: pool/{name}_1_amd64.deb\nSize: {}\nSHA256: {}\n\n",
                bytes.len(),
                Digest::of(&bytes)
            ));
            server.put(&format!("/debian/pool/{name}_1_amd64.deb"), bytes);
        }
        let packed = self.packages.clone().unwrap_or_else(|| xz(list.as_bytes()));
        let digest = Digest::of(&packed);
        let by_hash = format!("/debian/dists/trixie/main/binary-amd64/by-hash/SHA256/{digest}");
        let mut text = format!(
            "Origin: Test\nSuite: stable\nCodename: {}\nDate: {}\n",
            self.codename, self.date
        );
        if let Some(until) = self.valid_until {
            text.push_str(&format!("Valid-Until: {until}\n"));
        }
        if self.by_hash {
            text.push_str("Acquire-By-Hash: yes\n");
            server.put(&by_hash, packed.clone());
        }
        text.push_str(&format!(
            "Architectures: amd64\nComponents: main\nSHA256:\n {digest} {} main/binary-amd64/Packages.xz\n \
             {} {} main/binary-amd64/Packages\n",
            packed.len(),
            Digest::of(list.as_bytes()),
            list.len(),
        ));
        server.put(PACKAGES, packed);
        text
    }

    pub(crate) fn publish(&self, server: &Server, key: &SignedSecretKey) {
        let text = self.put(server);
        server.put(IN_RELEASE, Signing::default().sign(&text, &key.primary_key));
    }
}

/// A mirror, its key, and who fetches from it.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) key: SignedSecretKey,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) settings: Settings,
    pub(crate) archive: Archive,
}

impl World {
    pub(crate) fn new() -> Self {
        let (server, key) = (Server::start(), key(1));
        Contents::default().publish(&server, &key);
        let mirror = server.url("/debian");
        let archive = Archive {
            mirrors: Mirrors {
                debian: mirror.clone(),
                security: mirror,
            },
            suites: vec!["trixie".to_owned()],
            components: vec!["main".to_owned()],
            architecture: "amd64".to_owned(),
            keyring: keyring(&key.to_public_key()),
            allow_older: false,
            allow_expired: false,
        };
        let settings = Settings {
            tries: 2,
            pause: Duration::from_millis(1),
            connect_timeout: Duration::from_secs(30),
            read_timeout: Duration::from_secs(30),
            proxy_from_environment: false,
            ..Settings::default()
        };
        Self {
            server,
            key,
            folder: tempfile::tempdir().unwrap(),
            settings,
            archive,
        }
    }

    pub(crate) fn client(&self) -> Client {
        let cache = Cache::open(self.folder.path()).unwrap();
        Client::new(cache, self.settings.clone()).unwrap()
    }

    /// The whole way to the package files; errors with all their sources.
    pub(crate) fn fetch(&self) -> Result<Vec<Deb>, String> {
        let client = self.client();
        let fetch = || -> Result<Vec<Deb>, Box<dyn std::error::Error>> {
            let index = self.archive.index(&client, NOW, None, &())?;
            let packages = resolve(&index, &["small".parse()?], Follow::All, &[])?;
            let fetched = download(&client, &packages, &(), &|layer, _| layer)?;
            Ok(fetched.into_iter().map(|one| one.deb).collect())
        };
        fetch().map_err(|error| chain(&*error))
    }

    /// Fetches, and compares with what the archive holds.
    pub(crate) fn fetch_well(&self) {
        let debs = self.fetch().unwrap();
        let names: Vec<&str> = debs.iter().map(Deb::package).collect();
        assert_eq!(names, ["big", "small"]);
        let mut found = Vec::new();
        Layer::open(&debs[0])
            .unwrap()
            .read_to_end(&mut found)
            .unwrap();
        assert_eq!(found, tar("./data", &noise(100_000)));
        self.check_cache();
    }

    /// Everything that has a final name has the bytes that the name promises.
    pub(crate) fn check_cache(&self) {
        for path in files(&self.folder.path().join("sha256")) {
            if path.extension().is_none() {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                let found = Digest::of(&std::fs::read(&path).unwrap());
                assert_eq!(found.to_string(), name, "{}", path.display());
            }
        }
    }

    /// Partial files in the cache, with their lengths.
    pub(crate) fn parts(&self) -> Vec<(PathBuf, u64)> {
        let all = files(&self.folder.path().join("sha256")).into_iter();
        let parts = all.filter(|path| path.extension().is_some());
        parts
            .map(|path| (path.clone(), std::fs::metadata(&path).unwrap().len()))
            .collect()
    }

    /// Where the cache keeps, or would keep, one of the server's files.
    pub(crate) fn cached(&self, path: &str) -> PathBuf {
        self.client()
            .cache()
            .path(&Digest::of(&self.server.file(path)))
    }
}

pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let errors = std::iter::successors(Some(error), |error| error.source());
    errors
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push(path)
        }
    }
    found
}
