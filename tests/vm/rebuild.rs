//! The same inputs again, elsewhere and as somebody else: the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::release::{self, downloads, scratch, succeed};

/// Somebody who may do nothing special.
const NOBODY: u32 = 1000;

#[test]
fn without_root_home_or_other_programs_the_same_bytes_come_out() {
    let first = release::default();
    let folder = scratch("rebuild");
    // The test's folders are the builder's to read, and only out/ is there to write to. The
    // downloads are copied, because the cache belongs to whoever fills it; finished work, which is
    // most of the cache, is not: nothing is taken from there.
    let keys = folder.join("keys");
    let out = folder.join("out");
    let cache = out.join("cache");
    fs::create_dir_all(&cache).unwrap();
    succeed(Command::new("cp").arg("-r").arg(&first.keys).arg(&keys));
    let downloaded = ["in-release", "sha256"].map(|name| downloads().join(name));
    succeed(Command::new("cp").arg("-r").args(downloaded).arg(&cache));
    succeed(
        Command::new("chown")
            .args(["-R", "1000:1000"])
            .args([&out, &keys]),
    );
    succeed(Command::new("chmod").args(["-R", "a-w"]).arg(&keys));
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    chown(&folder, Some(0), Some(0)).unwrap();

    let program = folder.parent().unwrap().join("sealboot-for-all");
    let original = std::env::var_os("SEALBOOT").expect("SEALBOOT is set");
    fs::copy(&original, &program).unwrap();
    let trace = out.join("trace");
    let mut command = Command::new("setpriv");
    command.args([
        &format!("--reuid={NOBODY}"),
        &format!("--regid={NOBODY}"),
        "--clear-groups",
    ]);
    command.args(["--no-new-privs", "strace", "-f", "--seccomp-bpf", "-e"]);
    command
        .arg("trace=execve,execveat,mount,chroot,setns,unshare,ioctl")
        .arg("-o")
        .arg(&trace);
    command
        .args(["sh", "-c", "umask 077; exec \"$0\" build --no-cache"])
        .arg(&program);
    command
        .env_remove("HOME")
        .env_remove("XDG_CACHE_HOME")
        .env("TZ", "Asia/Tokyo");
    command.env("LC_ALL", "C").current_dir(&folder);
    succeed(&mut command);

    let calls = fs::read_to_string(&trace).unwrap();
    let executed: Vec<&str> = calls
        .lines()
        .filter(|line| line.contains("execve"))
        .collect();
    // sh starts as setpriv's and becomes sealboot: two in all.
    assert_eq!(
        executed.len(),
        2,
        "other programs were started: {executed:#?}"
    );
    for forbidden in ["mount(", "chroot(", "setns(", "unshare(", "LOOP_", "DM_"] {
        assert!(!calls.contains(forbidden), "the build called {forbidden}");
    }
    assert_eq!(digests(&first.out), digests(&out));
    fs::remove_dir_all(&folder).unwrap();
}

/// SHA-256 of every file of a release.
fn digests(out: &Path) -> BTreeMap<String, String> {
    let mut digests = BTreeMap::new();
    for entry in fs::read_dir(out).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // What a test put there is not the release's.
        if path.is_file() && name != "trace" && !name.ends_with(".log") {
            let mut hash = Sha256::new();
            std::io::copy(&mut fs::File::open(&path).unwrap(), &mut Hashing(&mut hash)).unwrap();
            digests.insert(name, format!("{:x?}", hash.finalize()));
        }
    }
    assert!(digests.contains_key("disk.img") && digests.contains_key("release.json.p7s"));
    digests
}

struct Hashing<'a>(&'a mut Sha256);

impl std::io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
