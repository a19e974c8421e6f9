//! Requests that do more than fetch a file: asking whether something is there, and sending it.

use std::io::Read;

use serde::Deserialize;
pub(crate) use ureq::http::Method;
use ureq::http::{HeaderMap, Request, StatusCode};
use ureq::{AsSendBody, SendBody};

use super::access::{asked_to_wait, is_here};
use super::failure::Failure;
use super::{Client, Error};

/// From so many bytes on, the server is asked first whether it takes them (`Expect: 100-continue`, RFC
/// 9110, section 10.1.1): its refusal would be lost while it closes the connection.
const ASK_FIRST: u64 = 1 << 20;

/// A server may take its time with what it was sent, such as hashing it: this many times as long as
/// with other answers.
const PATIENCE: u32 = 10;

/// The most that is repeated of what a server says, in characters.
const SAID_MAX: usize = 200;

/// One request.
pub(crate) struct Exchange<'a, 'b> {
    pub(crate) method: Method,
    pub(crate) url: &'a str,
    pub(crate) headers: &'a [(&'static str, &'a str)],
    /// What is sent.
    pub(crate) content: Option<Content<'a, 'b>>,
    /// The most that is read of the answer, in bytes.
    pub(crate) limit: u64,
}

/// What is sent: opened anew for every try.
pub(crate) struct Content<'a, 'b> {
    /// In bytes.
    pub(crate) size: u64,
    pub(crate) open: &'a (dyn Fn() -> Box<dyn Read + 'b> + 'a),
}

/// What the server said.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Client {
    /// Sends a request, once, and gives the answer whatever it is. Redirects are answers, too.
    pub(crate) fn exchange(&self, exchange: &Exchange<'_, '_>) -> Result<Answer, Failure> {
        let url = exchange.url;
        let response = self.answered(url, |used| {
            let mut request = Request::builder().method(&exchange.method).uri(url);
            for (name, value) in exchange.headers {
                request = request.header(*name, *value);
            }
            if let Some(access) = &self.access
                && !exchange.headers.iter().any(|(name, _)| *name == "Accept")
            {
                request = request.header("Accept", access.accept());
            }
            if let Some(used) = used {
                request = request.header("Authorization", used);
            }
            match &exchange.content {
                None if exchange.method == Method::POST => {
                    self.run(url, request.header("Content-Length", 0).body(()))
                }
                None => self.run(url, request.body(())),
                Some(content) => {
                    request = request.header("Content-Length", content.size);
                    if content.size >= ASK_FIRST {
                        request = request.header("Expect", "100-continue");
                    }
                    let mut reader = (content.open)();
                    self.run(url, request.body(SendBody::from_reader(&mut reader)))
                }
            }
        })?;
        let (head, body) = response.into_parts();
        let mut bytes = Vec::new();
        let mut reader = Read::take(body.into_reader(), exchange.limit.saturating_add(1));
        reader
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::Connection(Box::new(error.into())))?;
        if bytes.len() as u64 > exchange.limit {
            return Err(Failure::Final(Error::Size {
                url: url.to_owned(),
                expected: exchange.limit,
                found: format!("more than {}", exchange.limit),
            }));
        }
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: bytes,
        })
    }

    fn run<B: AsSendBody>(
        &self,
        url: &str,
        request: Result<Request<B>, ureq::http::Error>,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let plain = self.access.as_ref().is_none_or(|a| a.takes_plain_http());
        let patience = self.settings.read_timeout.saturating_mul(PATIENCE);
        let mut config = self
            .agent
            .configure_request(request?)
            .https_only(!plain)
            .max_redirects(0)
            .timeout_recv_response(Some(patience));
        if is_here(url) {
            config = config.proxy(None);
        }
        self.agent.run(config.build())
    }

    /// What an answer means that is not the one hoped for.
    pub(crate) fn not_taken(&self, url: &str, answer: &Answer) -> Failure {
        let reason = StatusCode::from_u16(answer.status)
            .ok()
            .and_then(|status| status.canonical_reason());
        let access = self.access.as_ref();
        let error = Error::NotTaken {
            url: url.to_owned(),
            status: answer.status,
            reason: reason.unwrap_or(""),
            said: said(&answer.body),
            advice: access.map_or("", |access| access.advice(Some(answer.status))),
            wait: asked_to_wait(&answer.headers),
        };
        match answer.status {
            408 | 425 | 429 | 500..=599 => Failure::Busy(error),
            _ => Failure::Final(error),
        }
    }
}

/// What is in the body of a registry's error (distribution-spec, "Error Codes").
#[derive(Deserialize)]
struct Errors {
    errors: Vec<OneError>,
}

#[derive(Deserialize)]
struct OneError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// What the server says of its refusal, as far as it is fit to be shown.
fn said(body: &[u8]) -> String {
    let Ok(Errors { errors }) = serde_json::from_slice(body) else {
        return String::new();
    };
    let Some(OneError { code, message }) = errors.first() else {
        return String::new();
    };
    let both = [code.as_str(), message].map(str::trim);
    let both: Vec<&str> = both.into_iter().filter(|text| !text.is_empty()).collect();
    let printable = |letter: &char| letter.is_ascii_graphic() || *letter == ' ';
    let both = both.join(": ");
    both.chars().filter(printable).take(SAID_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_short_and_printable() {
        let body = br#"{"errors":[{"code":"DENIED","message":"not you\u001b[31m"},{"code":"X"}]}"#;
        assert_eq!(said(body), "DENIED: not you[31m");
        assert_eq!(said(br#"{"errors":[{"code":"DENIED"}]}"#), "DENIED");
        for none in [&b"<html>"[..], b"", b"{}", br#"{"errors":[]}"#, b"[1]"] {
            assert_eq!(said(none), "");
        }
        let long = format!(r#"{{"errors":[{{"message":"{}"}}]}}"#, "x".repeat(9999));
        assert_eq!(said(long.as_bytes()).len(), SAID_MAX);
    }
}
