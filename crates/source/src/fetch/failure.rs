//! What went wrong in one try, sorted by what to do next: try again, ask elsewhere, give up.

use super::Error;

/// What went wrong in one try, and whether another one makes sense.
pub(crate) enum Failure {
    /// The connection failed or was cut.
    Connection(Box<ureq::Error>),
    /// It ended early, politely.
    Cut,
    /// A server error.
    Busy(Error),
    /// This server does not have the file.
    Missing(Error),
    /// What was continued has become something else: start from the first byte.
    StartAgain,
    /// No further try can help.
    Final(Error),
}

const TLS_ADVICE: &str = "check the mirror's name and this machine's clock, and that the package \
                          ca-certificates is installed";

/// Sorts what ureq reports: a bad URL or certificate stays bad, a broken connection may not.
pub(super) fn failed(url: &str, error: ureq::Error) -> Failure {
    use ureq::Error as E;
    // rustls' own errors come wrapped, as from a socket.
    let is_tls = |io: &std::io::Error| {
        io.get_ref()
            .is_some_and(|inner| inner.is::<rustls::Error>())
    };
    let advice = match &error {
        E::TooManyRedirects | E::RedirectFailed => {
            "the mirror redirects in circles: choose another mirror"
        }
        E::BadUri(_) | E::Http(_) => "check the mirror's URL",
        E::Rustls(_) | E::Tls(_) | E::TlsRequired => TLS_ADVICE,
        E::RequireHttpsOnly(_) => "it leads to an address without TLS, which could be anybody's",
        E::Io(io) if is_tls(io) => TLS_ADVICE,
        E::InvalidProxyUrl => "check http_proxy and https_proxy in the environment",
        E::LargeResponseHeader(..) => "what answers is not a mirror: choose another mirror",
        // What looks like bad HTTP can be a connection that was cut inside the head.
        _ => return Failure::Connection(Box::new(error)),
    };
    Failure::Final(Error::Refused {
        url: url.to_owned(),
        advice,
        source: Box::new(error),
    })
}

/// Sorts HTTP statuses (RFC 9110, section 15) that are not the file.
pub(super) fn refused(url: &str, status: ureq::http::StatusCode) -> Failure {
    let sort: (fn(Error) -> Failure, &str) = match status.as_u16() {
        404 | 410 => (
            Failure::Missing,
            "check the mirror, suite and component, or choose another mirror",
        ),
        408 | 425 | 429 | 500..=599 => (Failure::Busy, "try later, or choose another mirror"),
        401 | 403 | 407 => (
            Failure::Final,
            "the mirror or a proxy does not let this machine in",
        ),
        _ => (Failure::Final, "choose another mirror"),
    };
    let (failure, advice) = sort;
    failure(Error::Status {
        url: url.to_owned(),
        status: status.as_u16(),
        reason: status.canonical_reason().unwrap_or(""),
        advice,
        wait: std::time::Duration::ZERO,
    })
}
