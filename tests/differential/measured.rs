//! PCR 11 of a UKI, computed by systemd-measure.

use std::convert::Infallible;
use std::fs;
use std::process::Command;

use formats::pcr::{phases, stub};
use sha2::{Digest, Sha256};

/// Sections that systemd-measure of Debian 12 knows.
const SECTIONS: [&str; 7] = [
    "linux", "osrel", "cmdline", "initrd", "splash", "dtb", "pcrpkey",
];

#[test]
fn systemd_measure_computes_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for count in [1, 4, SECTIONS.len()] {
        let content = |name: &str| name.repeat(count * 1000);
        let mut measure = Command::new("/lib/systemd/systemd-measure");
        measure.args(["calculate", "--bank=sha256"]);
        for name in &SECTIONS[..count] {
            let path = folder.path().join(name);
            fs::write(&path, content(name)).unwrap();
            measure.arg(format!("--{name}={}", path.display()));
        }
        let said = String::from_utf8(tests::stdout("systemd", &mut measure)).unwrap();
        let theirs = said
            .lines()
            .filter_map(|line| line.strip_prefix("11:sha256="));

        let digest = |name: &str| {
            let name = name.trim_start_matches('.');
            let there = SECTIONS[..count].contains(&name);
            Ok::<_, Infallible>(there.then(|| Sha256::digest(content(name)).into()))
        };
        let Ok(ours) = stub(digest);
        let ours = phases(ours).into_iter().map(|(_, pcr)| pcr.to_string());
        assert_eq!(
            ours.collect::<Vec<_>>(),
            theirs.collect::<Vec<_>>(),
            "{said}"
        );
    }
}
