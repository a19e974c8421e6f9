//! An owner's keys in a scratch folder, and a stub to make UKIs from.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use artifact::uki::{DEFAULT_SBAT, Parts};
use formats::pe::Data;
use source::keys::{FileSigner, KeySetOptions, RANDOM_SIZE, RsaBits, create};
use uguid::{Guid, guid};

pub const GUID: Guid = guid!("11111111-2222-3333-4444-123456789abc");
pub const NOT_BEFORE: u64 = 1_767_225_599; // 2025-12-31T23:59:59Z

pub struct Owner {
    scratch: tempfile::TempDir,
}

impl Owner {
    pub fn new(name: &str) -> Self {
        Self::with(name, RsaBits::Rsa2048, None)
    }

    pub fn with(common_name: &str, rsa_bits: RsaBits, passphrase: Option<&[u8]>) -> Self {
        let options = KeySetOptions {
            rsa_bits,
            owner: GUID,
            common_name,
            not_before: NOT_BEFORE,
            validity_days: 3650,
            random: &[0x5a; RANDOM_SIZE],
            passphrase,
            others: &[],
        };
        let scratch = tempfile::tempdir().unwrap();
        let keys = create(&options).unwrap();
        keys.write(&scratch.path().join("keys")).unwrap();
        Self { scratch }
    }

    /// A file among the keys.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join("keys").join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub fn signer(&self, name: &str) -> FileSigner {
        let [key, certificate] = ["key", "crt"].map(|end| self.path(&format!("{name}.{end}")));
        FileSigner::load(&key, &certificate, None).unwrap()
    }

    /// A scratch file with that content.
    pub fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.scratch.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

/// What a small UKI is made of, beside its stub.
pub fn parts(linux: &[u8]) -> Parts<'_> {
    Parts {
        os_release: "ID=test\n",
        cmdline: "quiet",
        uname: "6.12.0-test",
        sbat: DEFAULT_SBAT,
        ucode: None,
        initrd: Data::Bytes(&[0xdd; 5000]),
        linux,
        pcr: None,
    }
}

/// systemd-stub of Debian 13.
pub fn stub() -> Vec<u8> {
    let deb = tests::package("trixie", "systemd-boot-efi").deb();
    let scratch = tempfile::tempdir().unwrap();
    let mut unpack = Command::new("dpkg-deb");
    tests::stdout("dpkg", unpack.arg("-x").arg(deb).arg(scratch.path()));
    let stub = "usr/lib/systemd/boot/efi/linuxx64.efi.stub";
    fs::read(scratch.path().join(stub)).unwrap()
}
