//! What runs on sealboot's recovery system, below busybox's init: `sealboot recovery …`, which
//! its `inittab` calls.
//!
//! [`start`] makes a read-only root usable; then the services of [`contract::recovery`] run, each
//! started again when it ends: [`hardware`] loads drivers for what is plugged in later,
//! [`console`] shows the first screen and gives shells where the release allows them, and
//! [`service`] becomes what packages bring: the DHCP client and the SSH server.

pub mod console;
pub mod hardware;
pub mod service;
pub mod start;

use std::fs;

use contract::recovery::{Console, Networking, SETTINGS, Settings};

/// What the release allows. What cannot be read allows nothing.
pub fn settings() -> Settings {
    let read = fs::read(SETTINGS).ok();
    read.and_then(|bytes| Settings::from_json(&bytes).ok())
        .unwrap_or(Settings {
            console: Console::None,
            network: Networking::None,
            authorized_keys: 0,
        })
}
