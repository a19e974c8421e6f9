//! What this program knows of private keys stays in its memory.

use anyhow::Context;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// From now on there is no core dump of this process (setrlimit(2), RLIMIT_CORE), also where a program takes
/// them, and no other process of the same user can read its memory (prctl(2), PR_SET_DUMPABLE).
pub fn keep_private() -> anyhow::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)
        .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable))
        .context(
            "core dumps of this process, which would hold the private key, cannot be turned off",
        )
}
