//! Mirrors: which ones this machine's apt uses (sources.list(5)).

use super::deb822;
use std::path::Path;

/// Debian's primary mirror, for when apt's sources name none.
const PRIMARY: &str = "http://deb.debian.org/debian";

/// The same for security updates.
const PRIMARY_SECURITY: &str = "http://deb.debian.org/debian-security";

/// The most that a sources file may take, in bytes.
const MOST_SOURCES: usize = 1 << 20;

/// Where an archive's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirrors {
    /// URL of the archive, without a final slash: below it are `dists` and `pool`.
    pub debian: String,
    /// The same for the suites `*-security`.
    pub security: String,
}

impl Default for Mirrors {
    /// Debian's primary mirror.
    fn default() -> Self {
        Self {
            debian: PRIMARY.to_owned(),
            security: PRIMARY_SECURITY.to_owned(),
        }
    }
}

impl Mirrors {
    /// The mirror of a suite.
    pub fn of(&self, suite: &str) -> &str {
        if suite.ends_with("-security") {
            &self.security
        } else {
            &self.debian
        }
    }
}

/// The mirrors that the apt sources below `root` (`/`) name for any suite of Debian; what they do
/// not name is Debian's primary mirror. `None` when they name neither.
///
/// Files that cannot be read or understood count as not there: what comes from a mirror is checked
/// against signatures anyway.
pub fn from_apt_sources(root: &Path) -> Option<Mirrors> {
    let apt = root.join("etc/apt");
    let mut urls = one_line_style(&apt.join("sources.list"));
    let mut parts: Vec<_> = std::fs::read_dir(apt.join("sources.list.d"))
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    parts.sort();
    for path in parts {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("list") => urls.extend(one_line_style(&path)),
            Some("sources") => urls.extend(deb822_style(&path)),
            _ => {}
        }
    }
    let find = |end: &str| urls.iter().find(|url| is_mirror(url, end)).cloned();
    let (debian, security) = (find("/debian"), find("/debian-security"));
    if debian.is_none() && security.is_none() {
        return None;
    }
    let primary = Mirrors::default();
    Some(Mirrors {
        debian: debian.unwrap_or(primary.debian),
        security: security.unwrap_or(primary.security),
    })
}

/// Mirrors keep Debian's archive under `/debian` and its security archive under
/// `/debian-security`, with or without something before it; `security.debian.org` does so too.
fn is_mirror(url: &str, end: &str) -> bool {
    let path = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    path.is_some_and(|path| path.len() > end.len() && path.ends_with(end))
}

fn tidy(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}

/// `deb [options] URL suite components`, one a line.
fn one_line_style(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let url = |line: &str| {
        let line = line.split('#').next()?.trim();
        let rest = line
            .strip_prefix("deb")
            .filter(|rest| rest.starts_with([' ', '\t']))?
            .trim_start();
        let rest = match rest.strip_prefix('[') {
            Some(options) => options.split_once(']')?.1,
            None => rest,
        };
        rest.split_ascii_whitespace().next().map(tidy)
    };
    text.lines().filter_map(url).collect()
}

/// Stanzas with `Types`, `URIs` and perhaps `Enabled: no`.
fn deb822_style(path: &Path) -> Vec<String> {
    let text = std::fs::read(path).unwrap_or_default();
    let mut reader = deb822::Reader::new(text.as_slice(), MOST_SOURCES);
    let mut urls = Vec::new();
    while let Ok(Some(stanza)) = reader.next_stanza() {
        let words = |field| {
            stanza
                .get(field)
                .unwrap_or_default()
                .split_ascii_whitespace()
        };
        let disabled = words("Enabled").any(|word| {
            ["no", "false", "off", "without", "disable", "0"]
                .contains(&word.to_ascii_lowercase().as_str())
        });
        if !disabled && words("Types").any(|word| word == "deb") {
            urls.extend(words("URIs").map(tidy));
        }
    }
    urls
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Option<(String, String)> {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join("etc/apt").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        from_apt_sources(root.path()).map(|mirrors| (mirrors.debian, mirrors.security))
    }

    fn both(debian: &str, security: &str) -> Option<(String, String)> {
        Some((debian.to_owned(), security.to_owned()))
    }

    #[test]
    fn sources_are_read() {
        let sources = "Types: deb\n# old\nURIs: http://near/debian/\nSuites: bookworm\n\n\
                       Types: deb\nURIs: http://near/debian-security\nSuites: bookworm-security\n";
        assert_eq!(
            found(&[("sources.list.d/debian.sources", sources)]),
            both("http://near/debian", "http://near/debian-security")
        );
        let list = "# deb http://no/debian x main\ndeb-src http://no/debian x main\n\
                    deb [arch=amd64 signed-by=/a] https://far.example/pub/debian/ trixie main # c\n";
        assert_eq!(
            found(&[("sources.list", list)]),
            both("https://far.example/pub/debian", PRIMARY_SECURITY)
        );
        let security = "deb http://security.debian.org/debian-security trixie-security main";
        assert_eq!(
            found(&[("sources.list.d/s.list", security)]),
            both(PRIMARY, "http://security.debian.org/debian-security")
        );
    }

    #[test]
    fn other_sources_name_no_mirror() {
        let cases: &[&[(&str, &str)]] = &[
            &[],
            &[(
                "sources.list",
                "deb https://deb.example/node nodistro main\n",
            )],
            &[(
                "sources.list",
                "deb cdrom:[Debian]/debian trixie main\ndeb file:/srv/debian x main\n",
            )],
            &[(
                "sources.list.d/x.sources",
                "Types: deb\nEnabled: no\nURIs: http://no/debian\n",
            )],
            &[(
                "sources.list.d/x.sources",
                "Types: deb-src\nURIs: http://no/debian\n",
            )],
            &[(
                "sources.list.d/x.sources.bak",
                "Types: deb\nURIs: http://no/debian\n",
            )],
            &[("sources.list.d/x.sources", "garbage\n\n\u{0}")],
            &[(
                "sources.list",
                "deb http://archive.example/ubuntu noble main\n",
            )],
        ];
        for files in cases {
            assert_eq!(found(files), None, "{files:?}");
        }
    }

    #[test]
    fn suites_have_their_mirror() {
        let mirrors = Mirrors::default();
        assert_eq!(mirrors.of("trixie-updates"), PRIMARY);
        assert_eq!(mirrors.of("trixie-security"), PRIMARY_SECURITY);
    }
}
