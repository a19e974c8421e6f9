//! What a root image must have so that init can start it without writing to it.

/// File systems that init hands over: mounted at these places of the root.
pub const HANDED_OVER: &[&str] = &["dev", "proc", "sys", "run"];

/// Place of the firmware image.
pub const FIRMWARE: &str = "lib/firmware";

/// Place of the modules image. `lib` may be a link to `usr/lib`.
pub fn modules(kernel: &str) -> String {
    format!("lib/modules/{kernel}")
}

/// Every directory that the builder makes in a root image when it is not there.
pub fn mount_points(kernel: &str) -> Vec<String> {
    let handed_over = HANDED_OVER.iter().map(|place| (*place).to_owned());
    handed_over
        .chain([modules(kernel), FIRMWARE.to_owned()])
        .collect()
}
