//! The recovery system: what its builder and the programs on it must agree on.

use serde::{Deserialize, Serialize};

/// What the signed release allows ([`Settings`]); in the root image, so nobody else can say more.
pub const SETTINGS: &str = "/etc/sealboot/recovery.json";

/// Folder of `authorized_keys`, in the root image.
pub const KEYS: &str = "/etc/sealboot/ssh";

/// The SSH server's key: made at each start, in memory. A signed release can hold no secret.
pub const HOST_KEY: &str = "/run/sealboot/host-key";

/// Its public half, as OpenSSH writes it: one line.
pub const HOST_KEY_PUBLIC: &str = "/run/sealboot/host-key.pub";

/// What `/etc/resolv.conf` is a link to.
pub const RESOLVER: &str = "/run/sealboot/resolv.conf";

/// Folder of what the services say.
pub const LOGS: &str = "/var/log";

/// What the recovery system offers, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Whether whoever is at the machine gets a shell.
    pub console: Console,
    /// Whether it asks for addresses.
    pub network: Networking,
    /// How many keys may log in over SSH; without any there is no SSH server.
    pub authorized_keys: usize,
}

/// What is on the screen and on serial consoles once the recovery system runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Console {
    /// The first screen, and below it root's shell, without a password.
    Shell,
    /// The first screen only.
    None,
}

/// How the recovery system gets its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Networking {
    /// DHCP, DHCPv6 and router advertisements on every wired interface.
    Automatic,
    /// Not at all.
    None,
}

/// Where programs are: Debian has everything in `usr`, Alpine has not.
pub const PATH: &[&str] = &["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// A program that runs all the time, started again when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// What it is called: in `inittab`, and as the name of its log.
    pub name: &'static str,
    /// Its name, in one of the folders of [`PATH`].
    pub program: &'static str,
    /// What it is started with.
    pub arguments: &'static [&'static str],
}

/// Loads the drivers of what is plugged in later.
pub const HARDWARE: Service = Service {
    name: "hardware",
    program: "sealboot",
    arguments: &["recovery", "hardware"],
};

/// DHCP, DHCPv6 and router advertisements on every wired interface, and `resolv.conf`.
pub const NETWORK: Service = Service {
    name: "network",
    program: "dhcpcd",
    arguments: &["--nobackground"],
};

/// SSH for the keys that the release carries; no password, whatever the client asks for.
pub const SSH: Service = Service {
    name: "ssh",
    program: "dropbear",
    arguments: &[
        "-F", // stay in the foreground
        "-E", // log to standard error
        "-s", // no passwords
        "-g", // none for root either
        "-m", // no message of the day
        "-D",
        KEYS,
        "-r",
        HOST_KEY,
        "-P",
        "/run/dropbear.pid",
    ],
};

/// The first screen, and shells where they are allowed.
pub const CONSOLE: Service = Service {
    name: "console",
    program: "sealboot",
    arguments: &["recovery", "console"],
};

/// All that there can be.
pub const SERVICES: &[Service] = &[HARDWARE, NETWORK, SSH, CONSOLE];

impl Settings {
    /// The bytes of [`SETTINGS`]: indented JSON with a final newline, fields in a fixed order.
    pub fn to_json(&self) -> Vec<u8> {
        // Serialising words and a number into memory has no way to fail.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Reads [`SETTINGS`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// The services that these settings allow, in the order in which they start.
    pub fn services(&self) -> impl Iterator<Item = &'static Service> {
        let without = [
            (self.network == Networking::None).then_some(NETWORK),
            (self.authorized_keys == 0).then_some(SSH),
        ];
        let asked = move |service: &&Service| !without.contains(&Some(**service));
        SERVICES.iter().filter(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let settings = Settings {
            console: Console::None,
            network: Networking::Automatic,
            authorized_keys: 2,
        };
        assert_eq!(Settings::from_json(&settings.to_json()).unwrap(), settings);
        assert!(Settings::from_json(b"{}").is_err());
    }

    #[test]
    fn what_was_not_asked_for_is_no_service() {
        let services = |network, authorized_keys| {
            let settings = Settings {
                console: Console::Shell,
                network,
                authorized_keys,
            };
            let names: Vec<&str> = settings.services().map(|service| service.name).collect();
            names
        };
        let all = ["hardware", "network", "ssh", "console"];
        assert_eq!(services(Networking::Automatic, 1), all);
        assert_eq!(
            services(Networking::Automatic, 0),
            ["hardware", "network", "console"]
        );
        assert_eq!(services(Networking::None, 0), ["hardware", "console"]);
    }
}
