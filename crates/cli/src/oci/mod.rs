//! `sealboot oci`: container images, and releases as artifacts, from and to registries.

mod copy;

use crate::args::OciVerb;

/// Does what the command line says.
pub fn verb(verb: &OciVerb, json: bool, quiet: bool) -> anyhow::Result<()> {
    match verb {
        OciVerb::Push(options) => copy::push(options, json, quiet),
        OciVerb::Pull(options) => copy::pull(options, json, quiet),
    }
}
