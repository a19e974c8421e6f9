//! A signer whose certificate somebody in db certified, by openssl and sbsign: firmware takes it, so `verify` must.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use chain::report::{Report, State};
use chain::{Dbx, Owner as Trusted};
use formats::efi_signature_list::{write as lists, x509_list};

use crate::makers::{SIGNED, state};
use crate::owner::{GUID, stub};

struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    /// `root` certifies `middle`, which certifies `leaf`; `stranger` is called as `root` is.
    fn new() -> Self {
        let made = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let extensions = made.path("ca.cnf");
        fs::write(&extensions, "basicConstraints=critical,CA:TRUE\n").unwrap();
        for (name, subject) in [("root", "/CN=root"), ("stranger", "/CN=root")] {
            made.openssl(&format!(
                "req -x509 -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.crt -subj {subject} -days 30"
            ));
        }
        for (name, by, more) in [
            ("middle", "root", "-extfile ca.cnf"),
            ("leaf", "middle", ""),
        ] {
            made.openssl(&format!(
                "req -new -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
            ));
            made.openssl(&format!(
                "x509 -req -in {name}.csr -CA {by}.crt -CAkey {by}.key -CAcreateserial -days 30 -out {name}.crt {more}"
            ));
        }
        for name in ["root", "middle", "leaf", "stranger"] {
            made.openssl(&format!("x509 -in {name}.crt -outform DER -out {name}.cer"));
        }
        made
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, line: &str) {
        let mut command = Command::new("openssl");
        command.args(line.split(' ').filter(|word| !word.is_empty()));
        tests::stdout("openssl", command.current_dir(self.folder.path()));
    }

    fn cer(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(&format!("{name}.cer"))).unwrap()
    }

    fn db(&self, names: &[&str]) -> Vec<u8> {
        let all: Vec<_> = names
            .iter()
            .map(|name| x509_list(GUID, &self.cer(name)))
            .collect();
        lists(&all)
    }

    /// systemd-stub, signed by the leaf; with certificates beside the leaf's.
    fn signed(&self, with: &[&str]) -> PathBuf {
        let (plain, out) = (self.path("plain.efi"), self.path("signed.efi"));
        fs::write(&plain, stub()).unwrap();
        let mut command = Command::new("sbsign");
        command.current_dir(self.folder.path());
        command.args(["--key", "leaf.key", "--cert", "leaf.crt"]);
        if !with.is_empty() {
            let pem: Vec<u8> = with
                .iter()
                .flat_map(|name| fs::read(self.path(&format!("{name}.crt"))).unwrap())
                .collect();
            fs::write(self.path("more.pem"), pem).unwrap();
            command.args(["--addcert", "more.pem"]);
        }
        tests::stdout("sbsigntool", command.arg("--output").arg(&out).arg(&plain));
        out
    }

    fn verify(&self, file: &Path, db: &[&str], dbx: &[&str]) -> Report {
        let mut trusted = Trusted::of_db("db", &self.db(db)).unwrap();
        trusted.dbx = Some(Dbx::read(&self.db(dbx)).unwrap());
        chain::verify(file, &trusted, &mut |_, _| {}).unwrap()
    }
}

const REVOKED: &str = "not revoked by dbx";

#[test]
fn whom_an_authority_in_db_certified_signs_what_starts() {
    let made = Authority::new();
    let signed = made.signed(&["middle"]);
    // The anchor need not be a root: firmware takes any certificate in db.
    for (db, said) in [
        (&["leaf"][..], ""),
        (&["middle"], "the signer is CN=leaf, certified by it"),
        (&["root"], "the signer is CN=leaf, certified by it"),
        (
            &["stranger", "root"],
            "by CN=root, the signer is CN=leaf, certified by it",
        ),
    ] {
        let report = made.verify(&signed, db, &[]);
        let row = report
            .checks
            .iter()
            .find(|one| one.check == SIGNED)
            .unwrap();
        assert_eq!(
            (row.state, row.detail.as_str()),
            (State::Ok, said),
            "{db:?}"
        );
        assert_eq!(state(&report, REVOKED), Some(State::Ok), "{db:?}");
    }
    // Called as the authority is, and another.
    let report = made.verify(&signed, &["stranger"], &[]);
    assert_eq!(state(&report, SIGNED), Some(State::Failed));
    // Any certificate on the way may be revoked.
    for revoked in ["leaf", "middle", "root"] {
        let report = made.verify(&signed, &["root"], &[revoked]);
        assert_eq!(state(&report, REVOKED), Some(State::Failed), "{revoked}");
    }
    let report = made.verify(&signed, &["root"], &["stranger"]);
    assert_eq!(state(&report, REVOKED), Some(State::Ok));

    // Without the one between, nobody can see who certified the signer.
    let signed = made.signed(&[]);
    let report = made.verify(&signed, &["root"], &[]);
    assert_eq!(state(&report, SIGNED), Some(State::Failed));
    let report = made.verify(&signed, &["root", "middle"], &[]);
    assert_eq!(state(&report, SIGNED), Some(State::Ok));

    // Changed after it was signed.
    let signed = made.signed(&["middle"]);
    let mut bytes = fs::read(&signed).unwrap();
    bytes[0x500] ^= 1;
    fs::write(&signed, bytes).unwrap();
    let report = made.verify(&signed, &["root"], &[]);
    assert_eq!(state(&report, SIGNED), Some(State::Failed));
    assert!(
        report.render().contains("changed after signing"),
        "{}",
        report.render()
    );
}
