//! What refers to a manifest or index (distribution-spec, "Listing Referrers"), and where registries
//! without that list keep it: under a tag made of the digest ("Referrers Tag Schema").

use super::super::document::{Descriptor, Index, MANIFEST_MAX, parse};
use super::super::media_type::INDEXES;
use super::{Error, Repository};
use crate::fetch::{Answer, Digest, Exchange, Failure, Method};

/// How many pages of a list are read.
const PAGES_MAX: usize = 64;

/// What is known to refer to something.
#[derive(Debug, Default)]
pub(in super::super) struct Referrers {
    pub(in super::super) manifests: Vec<Descriptor>,
    /// Whether the registry keeps the list itself.
    pub(in super::super) by_registry: bool,
}

impl Repository<'_> {
    /// What the registry lists, else what stands under the tag.
    pub(in super::super) fn known_referrers(&self, subject: Digest) -> Result<Referrers, Error> {
        let mut manifests = Vec::new();
        let mut url = format!("{}/referrers/sha256:{subject}", self.url);
        for page in 0..PAGES_MAX {
            let Some(answer) = self.index(&url)? else {
                // A registry that has never heard of the list says so for its first page.
                let manifests = match page {
                    0 => self.under_tag(subject)?,
                    _ => manifests,
                };
                return Ok(Referrers {
                    manifests,
                    by_registry: page > 0,
                });
            };
            let index: Index = parse(&answer.body, &url)?;
            manifests.extend(index.manifests);
            match answer.get("link").and_then(next_page) {
                Some(next) => url = self.resolve(&url, next),
                None => break,
            }
        }
        Ok(Referrers {
            manifests,
            by_registry: true,
        })
    }

    fn under_tag(&self, subject: Digest) -> Result<Vec<Descriptor>, Error> {
        let url = format!("{}/manifests/{}", self.url, tag_of(subject));
        match self.index(&url)? {
            Some(answer) => Ok(parse::<Index>(&answer.body, &url)?.manifests),
            None => Ok(Vec::new()),
        }
    }

    /// An index, if there is one.
    fn index(&self, url: &str) -> Result<Option<Answer>, Error> {
        let exchange = Exchange {
            method: Method::GET,
            url,
            headers: &[("Accept", INDEXES[0])],
            content: None,
            limit: MANIFEST_MAX,
        };
        let once = || {
            let answer = self.client.exchange(&exchange)?;
            match answer.status {
                200 => Ok(Some(answer)),
                // Not found, or a path that this registry does not know.
                400 | 404 | 405 => Ok(None),
                _ => Err::<_, Failure>(self.client.not_taken(url, &answer)),
            }
        };
        self.tried(url, once)
    }
}

/// The tag of the list of what refers to a manifest.
pub(in super::super) fn tag_of(subject: Digest) -> String {
    format!("sha256-{subject}")
}

/// `</v2/…>; rel="next"` (RFC 8288, section 3).
fn next_page(link: &str) -> Option<&str> {
    let (target, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found() {
        for (link, expected) in [
            (
                "</v2/a/referrers/x?last=1>; rel=\"next\"",
                Some("/v2/a/referrers/x?last=1"),
            ),
            ("<x>; rel=prev", None),
            ("x; rel=next", None),
            ("", None),
        ] {
            assert_eq!(next_page(link), expected, "{link}");
        }
    }
}
