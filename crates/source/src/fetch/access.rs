//! Sending a request: what a server asks for before it answers, and how long it asks to wait.

use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::response::Parts;
use ureq::http::uri::Authority;
use ureq::http::{HeaderMap, Response, Uri};
use ureq::{Body, ResponseExt};
use zeroize::Zeroizing;

use super::failure::{Failure, failed, refused};
use super::{Client, Error};

/// The longest that a server may ask to wait before the next try.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// How one server wants to be asked.
pub(crate) trait Access: Send + Sync {
    /// Value of the `Authorization` header, where one is known to be needed.
    fn authorization(&self) -> Result<Option<Zeroizing<String>>, Error>;
    /// The server answered 401 to a request with `used`, and with these `WWW-Authenticate`
    /// headers. Whether it makes sense to ask again with a new [`Access::authorization`].
    fn challenged(&self, used: Option<&str>, challenges: &[String]) -> Result<bool, Error>;
    /// Value of the `Accept` header.
    fn accept(&self) -> &str;
    /// Whether an address without TLS will do, for redirects too.
    fn takes_plain_http(&self) -> bool;
    /// What to do about an HTTP status that is an error; `None` where TLS does not come about.
    fn advice(&self, status: Option<u16>) -> &'static str;
}

impl Client {
    /// The same client, with the same cache and connections, for a server that wants to be asked
    /// like that.
    pub(crate) fn with_access(&self, access: Arc<dyn Access>) -> Self {
        Self {
            access: Some(access),
            ..self.clone()
        }
    }

    /// One request for `url`, from byte `from` on. After a redirect, nothing of
    /// [`Access::authorization`] is sent any more.
    pub(super) fn send(&self, url: &str, from: u64) -> Result<Response<Body>, Failure> {
        self.answered(url, |used| {
            let mut call = self.agent.get(url);
            if from > 0 {
                call = call.header("Range", format!("bytes={from}-"));
            }
            let Some(access) = &self.access else {
                return call.call();
            };
            call = call.header("Accept", access.accept());
            if let Some(used) = used {
                call = call.header("Authorization", used);
            }
            let mut config = call.config().https_only(!access.takes_plain_http());
            if is_here(url) {
                config = config.proxy(None);
            }
            config.build().call()
        })
    }

    /// What the server answers to a request that is sent with the given `Authorization` header, once
    /// more when it asks for a login first.
    pub(super) fn answered(
        &self,
        url: &str,
        once: impl Fn(Option<&str>) -> Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, Failure> {
        let once = |used: Option<&str>| once(used).map_err(|error| self.failed(url, error));
        let Some(access) = &self.access else {
            return once(None);
        };
        let mut again = true;
        loop {
            let used = access.authorization().map_err(Failure::Final)?;
            let used = used.as_ref().map(|used| used.as_str());
            let response = once(used)?;
            // What another server asks for after a redirect is not answered: it would learn a login
            // that is not for it.
            let here = response.get_uri().authority() == authority(url).as_ref();
            if response.status().as_u16() != 401 || !again || !here {
                return Ok(response);
            }
            again = false;
            let headers = response.headers().get_all("www-authenticate").iter();
            let challenges: Vec<String> = headers
                .filter_map(|value| Some(value.to_str().ok()?.to_owned()))
                .collect();
            if !access
                .challenged(used, &challenges)
                .map_err(Failure::Final)?
            {
                return Ok(response);
            }
        }
    }

    /// What no answer at all means.
    pub(super) fn failed(&self, url: &str, error: ureq::Error) -> Failure {
        let mut failure = failed(url, error);
        if let Failure::Final(Error::Refused { advice, source, .. }) = &mut failure
            && let Some(access) = &self.access
            && !matches!(**source, ureq::Error::RequireHttpsOnly(_))
        {
            *advice = access.advice(None);
        }
        failure
    }

    /// Posts a form, once, and gives at most `limit` bytes of the answer.
    pub(crate) fn post_form(&self, url: &str, form: &str, limit: u64) -> Result<Vec<u8>, Error> {
        let ends = |failure| match failure {
            Failure::Missing(error) | Failure::Busy(error) | Failure::Final(error) => error,
            Failure::Connection(source) => Error::Connection {
                url: url.to_owned(),
                received: 0,
                expected: None,
                tries: 1,
                source,
            },
            Failure::Cut | Failure::StartAgain => Error::Stopped {
                url: url.to_owned(),
            },
        };
        let plain = self
            .access
            .as_ref()
            .is_none_or(|access| access.takes_plain_http());
        // A form is not sent twice: a redirect is an error.
        let call = self
            .agent
            .post(url)
            .config()
            .https_only(!plain)
            .max_redirects(0)
            .build();
        let call = call.content_type("application/x-www-form-urlencoded");
        let response = call
            .send(form)
            .map_err(|error| ends(self.failed(url, error)))?;
        let (head, body) = response.into_parts();
        if head.status.as_u16() != 200 {
            return Err(ends(self.refused(url, &head)));
        }
        let mut bytes = Vec::new();
        let read = Read::take(body.into_reader(), limit).read_to_end(&mut bytes);
        read.map_err(|error| ends(Failure::Connection(Box::new(error.into()))))?;
        Ok(bytes)
    }

    /// What an answer that is not the file means.
    pub(super) fn refused(&self, url: &str, head: &Parts) -> Failure {
        let mut failure = refused(url, head.status);
        if let Failure::Missing(error) | Failure::Busy(error) | Failure::Final(error) = &mut failure
            && let Error::Status { advice, wait, .. } = error
        {
            *wait = asked_to_wait(&head.headers);
            if let Some(access) = &self.access {
                *advice = access.advice(Some(head.status.as_u16()));
            }
        }
        failure
    }
}

/// How long a server asks to wait before the next try (RFC 9110, section 10.2.3). The other form, a
/// date, would need a clock; the usual pause is enough then.
pub(super) fn asked_to_wait(headers: &HeaderMap) -> Duration {
    let seconds = headers.get("retry-after");
    let seconds = seconds.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    seconds
        .map_or(Duration::ZERO, Duration::from_secs)
        .min(WAIT_MAX)
}

/// Whether a URL leads to this machine, which to a proxy is another one.
pub(super) fn is_here(url: &str) -> bool {
    authority(url).is_some_and(|found| is_loopback(found.host()))
}

/// The host of a URL, with its port.
fn authority(url: &str) -> Option<Authority> {
    url.parse::<Uri>().ok()?.into_parts().authority
}

/// Whether a host, without its port, is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = address
        .parse()
        .is_ok_and(|found: IpAddr| found.is_loopback());
    host == "localhost" || loopback
}
