//! PCR 11: what a UKI holds, and how far the system has come.

use super::Pcr;

/// Sections in the order in which systemd-stub measures them, each name and then its content. `.pcrsig` is
/// not among them: it holds what the others lead to.
pub const MEASURED: [&str; 10] = [
    ".linux", ".osrel", ".cmdline", ".initrd", ".ucode", ".splash", ".dtb", ".uname", ".sbat",
    ".pcrpkey",
];

/// What systemd measures as it goes on, where the root has it (systemd-pcrphase.service(8)).
pub const PHASES: [&str; 4] = ["enter-initrd", "leave-initrd", "sysinit", "ready"];

/// PCR 11 when the stub hands over to the kernel. `digest` gives the SHA-256 of a section's content;
/// `None` when there is none of that name.
pub fn stub<E>(mut digest: impl FnMut(&str) -> Result<Option<[u8; 32]>, E>) -> Result<Pcr, E> {
    let mut pcr = Pcr::START;
    for name in MEASURED {
        if let Some(digest) = digest(name)? {
            pcr.measure(&[name.as_bytes(), &[0]].concat());
            pcr.extend(&digest);
        }
    }
    Ok(pcr)
}

/// The register after the phases of a path, joined by colons; the empty path is the stub's own state.
pub fn after(stub: Pcr, path: &str) -> Pcr {
    let mut pcr = stub;
    for phase in path.split(':').filter(|phase| !phase.is_empty()) {
        pcr.measure(phase.as_bytes());
    }
    pcr
}

/// What has been measured in each phase: names of all phases so far, joined by colons as systemd-measure has it.
pub fn paths() -> Vec<String> {
    let counts = 1..=PHASES.len();
    let path = |count: usize| PHASES.get(..count).unwrap_or_default().join(":");
    counts.map(path).collect()
}

/// The register in each phase, by its path.
pub fn phases(stub: Pcr) -> Vec<(String, Pcr)> {
    let value = |path: String| {
        let pcr = after(stub, &path);
        (path, pcr)
    };
    paths().into_iter().map(value).collect()
}
