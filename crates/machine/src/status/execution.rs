//! What the kernel lets run: IPE's files in securityfs, and what the release asked for.

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::Path;

use contract::boot::{Boot, Execute};
use contract::{policy, running};

use super::Execution;
use super::gather::{Mount, path, plain};

impl Execution {
    /// Reads it from the machine whose `/` is `root`. What the kernel says goes before what the
    /// release asked for.
    pub(super) fn gather(root: &Path, mounts: &[Mount]) -> Self {
        let asked = fs::read(path(root, running::BOOT)).ok();
        let asked = asked.and_then(|bytes| Boot::from_json(&bytes).ok());
        let asked = asked.map(|boot| boot.execute);
        let mounted = mounts
            .iter()
            .any(|mount| mount.kind == "securityfs" && mount.target == policy::SECURITYFS);
        if !mounted {
            return match asked {
                // Without securityfs nobody can have given the kernel a policy.
                Some(Execute::Any) => Self::Any,
                _ => Self::Unreadable {
                    reason: format!("{} is not mounted", policy::SECURITYFS),
                },
            };
        }
        let unrestricted = |found: String| match asked {
            Some(Execute::Signed) => Self::NotEnforced { found },
            _ => Self::Any,
        };
        match enforced(root) {
            Ok((_, None)) => unrestricted("no policy is active".to_owned()),
            Ok((false, Some(name))) => {
                unrestricted(format!("the policy {name} is active, and not enforced"))
            }
            Ok((true, Some(name))) if name == policy::NAME => Self::Signed,
            Ok((true, Some(policy))) => Self::Other { policy },
            Err((_, error)) if error.kind() == ErrorKind::NotFound => {
                unrestricted("the kernel was started without IPE".to_owned())
            }
            Err((what, error)) => Self::Unreadable {
                reason: format!("{what}: {error}"),
            },
        }
    }
}

/// Whether a policy would be enforced, and the name of the active one.
fn enforced(root: &Path) -> Result<(bool, Option<String>), (String, Error)> {
    let is_set = |name: &str| {
        let read = fs::read_to_string(path(root, name));
        let read = read.map_err(|error| (name.to_owned(), error))?;
        Ok(read.trim() == "1")
    };
    let on = is_set(policy::ENFORCE)?;
    let trouble = |error| (policy::POLICIES.to_owned(), error);
    for entry in fs::read_dir(path(root, policy::POLICIES)).map_err(trouble)? {
        let name = entry.map_err(trouble)?.file_name();
        let name = name.to_string_lossy();
        if is_set(&format!("{}/{name}/active", policy::POLICIES))? {
            return Ok((on, Some(plain(&name))));
        }
    }
    Ok((on, None))
}
