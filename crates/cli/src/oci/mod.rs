//! `sealboot oci`: container images, and releases as artifacts, from and to registries.

pub mod copy;

use crate::args::OciVerb;
use crate::build::toolbox_image;

/// Does what the command line says.
pub fn verb(verb: &OciVerb, json: bool, quiet: bool) -> anyhow::Result<()> {
    match verb {
        OciVerb::Build(options) => toolbox_image::verb(options, json, quiet),
        OciVerb::Push(options) => copy::push(options, json, quiet),
        OciVerb::Pull(options) => copy::pull(options, json, quiet),
    }
}
