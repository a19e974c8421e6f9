//! The HTTP client: settings, proxies, certificates.

use super::access::Access;
use super::ahead::Turns;
use super::parallel::PARALLEL;
use super::{Cache, Error};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};

/// Where distributions keep the certificates of the public HTTPS authorities.
const CERTIFICATES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// How to use the network.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Never use it: what is not in the cache is an error.
    pub offline: bool,
    /// How often to try before giving up, when a server cuts the connection, answers with a
    /// server error or not at all. Each MiB that arrives starts the count anew.
    pub tries: u32,
    /// Pause before the second try; doubled before each further one.
    pub pause: Duration,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long to wait for the next bytes.
    pub read_timeout: Duration,
    /// Use `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` from the environment.
    pub proxy_from_environment: bool,
    /// PEM file of the authorities for HTTPS; `None` looks where distributions keep it.
    pub certificates: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            offline: false,
            tries: 4,
            pause: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(20),
            read_timeout: Duration::from_secs(30),
            proxy_from_environment: true,
            certificates: None,
        }
    }
}

/// Fetches files into a [`Cache`]. Clones share their connections, and let what is waited for go first.
#[derive(Clone)]
pub struct Client {
    pub(super) agent: ureq::Agent,
    pub(super) cache: Cache,
    pub(super) settings: Settings,
    pub(super) access: Option<Arc<dyn Access>>,
    pub(super) turns: Arc<Turns>,
}

impl Client {
    /// A client that keeps what it fetches in `cache`.
    pub fn new(cache: Cache, settings: Settings) -> Result<Self, Error> {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(authorities(&settings)?)))
            .unversioned_rustls_crypto_provider(Arc::new(
                rustls::crypto::aws_lc_rs::default_provider(),
            ))
            .build();
        let mut config = ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(MAX_REDIRECTS)
            .user_agent(concat!("sealboot/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .max_idle_connections_per_host(PARALLEL)
            .timeout_connect(Some(settings.connect_timeout))
            .timeout_recv_response(Some(settings.read_timeout))
            .timeout_per_read(Some(settings.read_timeout))
            .timeout_per_write(Some(settings.read_timeout));
        if !settings.proxy_from_environment {
            config = config.proxy(None);
        }
        let agent = ureq::Agent::new_with_config(config.build());
        Ok(Self {
            agent,
            cache,
            settings,
            access: None,
            turns: Arc::default(),
        })
    }

    /// The cache that this client fills.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Whether the network is out of bounds.
    pub fn is_offline(&self) -> bool {
        self.settings.offline
    }

    /// How long to wait after so many failed tries.
    pub(super) fn pause(&self, tries: u32) -> Duration {
        self.settings
            .pause
            .saturating_mul(1 << tries.saturating_sub(1).min(5))
    }
}

/// How many redirects are followed for one file.
const MAX_REDIRECTS: u32 = 5;

/// The HTTPS authorities. Debian's mirrors speak plain HTTP, so having none is no error here; an
/// HTTPS mirror then fails with advice.
fn authorities(settings: &Settings) -> Result<Vec<Certificate<'static>>, Error> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|source| Error::Certificates {
            path: path.to_owned(),
            source,
        })
    };
    let pem = match &settings.certificates {
        Some(path) => read(path)?,
        None => {
            let found = CERTIFICATES
                .iter()
                .map(Path::new)
                .find(|path| path.exists());
            found.map(read).transpose()?.unwrap_or_default()
        }
    };
    let certificates = ureq::tls::parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    Ok(certificates.collect())
}
