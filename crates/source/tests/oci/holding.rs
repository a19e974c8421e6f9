//! An honest registry with one image.

use super::fixture::{Contents, MANIFEST};
use super::http::{Reply, Request};

/// What a registry holds: an image as `team/system:1.0`.
pub(crate) fn holding(contents: &Contents) -> impl Fn(&Request) -> Reply + Send + Sync + use<> {
    let files = contents.files();
    let manifest = files
        .iter()
        .find(|(_, bytes)| bytes.windows(9).any(|w| w == b"\"layers\":"));
    let (digest, manifest) = manifest.cloned().unwrap();
    move |request| {
        let Some(rest) = request.path.strip_prefix("/v2/team/system/") else {
            return Reply::status(404);
        };
        let named = rest
            .replace("manifests/sha256:", "blobs/sha256/")
            .replace("sha256:", "sha256/");
        let found = match named.as_str() {
            "manifests/1.0" | "manifests/latest" => Some(&manifest),
            named if named == digest => Some(&manifest),
            named => files
                .iter()
                .find(|(name, _)| name == named)
                .map(|(_, bytes)| bytes),
        };
        let Some(bytes) = found else {
            return Reply::status(404);
        };
        let range = request.get("range").and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse::<usize>()
                .ok()
        });
        match range {
            Some(from) => {
                let shown = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
                let part = Reply {
                    status: 206,
                    ..Reply::body(&bytes[from..])
                };
                part.with("Content-Range", &shown)
            }
            None if bytes == &manifest => Reply::body(bytes.clone()).with("Content-Type", MANIFEST),
            None => Reply::body(bytes.clone()),
        }
    }
}
