//! What this program knows of PINs stays in its memory.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use crate::failure::{Code, Failure};

/// From now on there is no core dump of this process (setrlimit(2), RLIMIT_CORE), also where a program takes
/// them, and no other process of the same user can read its memory (prctl(2), PR_SET_DUMPABLE).
pub(crate) fn keep_private() -> Result<(), Failure> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)
        .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable))
        .map_err(|error| {
            let what = format!(
                "core dumps of this process, which would hold the PIN, cannot be turned off: {error}"
            );
            Failure::new(Code::Failed, what)
        })
}
