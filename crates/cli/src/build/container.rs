//! Container images as sources: registries, logins, exit codes.

use std::env;
use std::path::{Path, PathBuf};

use contract::manifest;
use source::fetch;
use source::oci::{self, Credentials, Image, Reference, Registries};

use super::inputs;
use super::plan::Plan;
use crate::config::Config;
use crate::exit::{Code, Failure, of_input};

/// Opens images, those in registries with this machine's logins.
pub struct Containers {
    /// Where none is asked, the cache is left alone.
    registries: Option<Registries>,
}

impl Containers {
    /// Nothing is asked, and no login is read, before an image is wanted.
    pub fn new(plan: &Plan) -> anyhow::Result<Self> {
        let registries = plan
            .needs_registry()
            .then(|| registries(&plan.config, &plan.cache, plan.offline))
            .transpose()?;
        Ok(Self { registries })
    }

    /// The image that a reference names, all of it on this machine.
    pub fn open(
        &self,
        reference: &Reference,
        progress: &dyn fetch::Progress,
    ) -> anyhow::Result<Image> {
        let image = match &self.registries {
            Some(registries) => registries.pull(reference, progress),
            None => Image::open(reference),
        };
        image.map_err(coded)
    }
}

/// What asks registries: those that the configuration believes, with this machine's logins.
pub(crate) fn registries(
    config: &Config,
    cache: &Path,
    offline: bool,
) -> anyhow::Result<Registries> {
    let settings = oci::Settings {
        insecure: config.oci.insecure.clone(),
        credentials: credentials(),
    };
    let client = inputs::client_with(cache, offline)?;
    Ok(Registries::new(client, settings))
}

/// What the manifest says of an image.
pub fn source(image: &Image) -> manifest::Source {
    let letters = image.reference.portable().to_string().into_bytes();
    let letters = letters
        .into_iter()
        .map(|byte| match byte.is_ascii_graphic() {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        });
    let mut reference: String = letters.collect();
    reference.truncate(manifest::REFERENCE_MAX);
    manifest::Source {
        reference,
        digest: format!("sha256:{}", image.digest),
    }
}

/// Where docker, podman and skopeo keep logins (containers-auth.json(5)).
fn credentials() -> Credentials {
    let folder = |name| {
        let value = env::var_os(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    let home = || folder("HOME");
    let config = || folder("XDG_CONFIG_HOME").or_else(|| Some(home()?.join(".config")));
    let docker = || folder("DOCKER_CONFIG").or_else(|| Some(home()?.join(".docker")));
    let usual = [
        folder("XDG_RUNTIME_DIR").map(|path| path.join("containers/auth.json")),
        config().map(|path| path.join("containers/auth.json")),
        docker().map(|path| path.join("config.json")),
    ];
    Credentials {
        named: folder("REGISTRY_AUTH_FILE"),
        usual: usual.into_iter().flatten().collect(),
    }
}

/// The exit code that goes with an error of an image.
pub(crate) fn coded(error: oci::Error) -> anyhow::Error {
    let code = match &error {
        oci::Error::Tag { .. } | oci::Error::Platform { .. } | oci::Error::Missing { .. } => {
            Code::Missing
        }
        oci::Error::Several { .. }
        | oci::Error::Destination { .. }
        | oci::Error::Origin { .. }
        | oci::Error::Local { .. } => Code::Usage,
        oci::Error::Stored { .. } => Code::Network,
        oci::Error::Fetch { source, .. } | oci::Error::Push { source, .. }
            if !matches!(**source, fetch::Error::Login { .. }) =>
        {
            inputs::code_of_fetch(source)
        }
        _ => {
            let error = anyhow::Error::from(error);
            return Failure::new(of_input(&error), error).into();
        }
    };
    Failure::new(code, error).into()
}
