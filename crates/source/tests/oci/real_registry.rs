//! A real registry on this machine: Debian's docker-registry.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// User `owner`, password `s3cret`, as `htpasswd -Bbn` writes it.
const HTPASSWD: &str = "owner:$2y$05$UizeSyvFYoh13AXm.Yz0veyAaY1Zb35lfxxT87OSil7j7jYs6ymrq\n";

/// Ends with the test.
pub(crate) struct Registry {
    /// `127.0.0.1:12345`
    pub(crate) host: String,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Registry {
    /// With a login or without.
    pub(crate) fn start(with_login: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .to_string();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let mut text = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n\
             http:\n  addr: {host}\n",
            at("store")
        );
        if with_login {
            fs::write(folder.path().join("htpasswd"), HTPASSWD).unwrap();
            text += &format!(
                "auth:\n  htpasswd:\n    realm: here\n    path: {}\n",
                at("htpasswd")
            );
        }
        fs::write(folder.path().join("config.yml"), text).unwrap();
        let mut command = Command::new("docker-registry");
        let command = command.arg("serve").arg(folder.path().join("config.yml"));
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = process.unwrap_or_else(|error| {
            panic!("docker-registry: {error}; it is in Debian's package docker-registry")
        });
        let registry = Self {
            host,
            process,
            _folder: folder,
        };
        for _ in 0..200 {
            if TcpStream::connect(&registry.host).is_ok() {
                return registry;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("docker-registry does not listen at {}", registry.host);
    }
}
