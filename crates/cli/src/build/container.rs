//! Container images as sources: registries, logins, exit codes.

use std::env;
use std::path::PathBuf;

use contract::manifest;
use source::fetch::{self, Client};
use source::layer::Arrival;
use source::oci::{self, Credentials, Image, Reference, Registries};

use super::inputs;
use super::plan::Plan;
use crate::exit::{Code, Failure, of_input};
use config::Config;

/// Opens images, those in registries with this machine's logins.
pub struct Containers {
    /// Where none is asked, the cache is left alone.
    registries: Option<Registries>,
}

impl Containers {
    /// Nothing is asked, and no login is read, before an image is wanted.
    pub fn new(plan: &Plan, client: Option<Client>) -> Self {
        Self {
            registries: client.map(|client| registries(&plan.config, client)),
        }
    }

    /// The image that a reference names, all of it on this machine; layers that are fetched for that went
    /// through their arrival.
    pub fn open(
        &self,
        reference: &Reference,
        progress: &dyn fetch::Progress,
        arrival: &Arrival<'_>,
    ) -> anyhow::Result<Image> {
        let image = match &self.registries {
            Some(registries) => registries.pull(reference, progress, arrival),
            None => Image::open(reference),
        };
        image.map_err(coded)
    }

    /// The files of an image's layers, where they are in a registry and the reference has a digest:
    /// without one, nothing says which image it will be.
    pub fn requests(&self, reference: &Reference) -> Option<Vec<fetch::Request>> {
        reference.digest.filter(|_| reference.is_remote())?;
        self.registries.as_ref()?.layers(reference).ok()
    }
}

/// What asks registries: those that the configuration believes, with this machine's logins.
pub(crate) fn registries(config: &Config, client: Client) -> Registries {
    let settings = oci::Settings {
        insecure: config.oci.insecure.clone(),
        credentials: credentials(),
    };
    Registries::new(client, settings)
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
