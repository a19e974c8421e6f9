//! What a server asks for with 401: the `WWW-Authenticate` header (RFC 9110, section 11.6.1).

/// One challenge: `Bearer realm="https://auth.example/token",service="registry"`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    /// In lower case: `basic`, `bearer`.
    pub(super) scheme: String,
    /// Name in lower case, and value.
    parameters: Vec<(String, String)>,
}

impl Challenge {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The most challenges and parameters that are looked at.
const MOST: usize = 64;

/// All challenges of a header's value. What follows something that is none is left out.
pub(super) fn parse(header: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = header;
    for _ in 0..MOST {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, after) = token(rest);
        if word.is_empty() {
            break;
        }
        let word = word.to_ascii_lowercase();
        let Some(value) = after.trim_start_matches([' ', '\t']).strip_prefix('=') else {
            let parameters = Vec::new();
            challenges.push(Challenge {
                scheme: word,
                parameters,
            });
            rest = after;
            continue;
        };
        let value = value.trim_start_matches([' ', '\t']);
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => match unquote(quoted) {
                Some(found) => found,
                None => break,
            },
            None => {
                let (value, after) = token(value);
                (value.to_owned(), after)
            }
        };
        if let Some(challenge) = challenges.last_mut() {
            challenge.parameters.push((word, value));
        }
        rest = after;
    }
    challenges
}

/// The characters of a token (RFC 9110, section 5.6.2), and those of bare addresses.
fn token(text: &str) -> (&str, &str) {
    let inside = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~:/?".contains(c);
    let end = text.find(|c| !inside(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// What stands before the closing quote, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => value.push(letters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let header = r#"Bearer realm="https://auth.example/token?a=b",service=registry, scope="repository:a/b:pull,push""#;
        let found = parse(header);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].scheme, "bearer");
        assert_eq!(
            found[0].get("realm"),
            Some("https://auth.example/token?a=b")
        );
        assert_eq!(found[0].get("service"), Some("registry"));
        assert_eq!(found[0].get("scope"), Some("repository:a/b:pull,push"));
        assert_eq!(found[0].get("error"), None);
        let two = parse(r#"Negotiate, BASIC realm="say \"hi\"", charset = "UTF-8""#);
        let schemes: Vec<_> = two.iter().map(|one| one.scheme.as_str()).collect();
        assert_eq!(schemes, ["negotiate", "basic"]);
        assert_eq!(two[1].get("realm"), Some("say \"hi\""));
        assert_eq!(two[1].get("charset"), Some("UTF-8"));
    }

    #[test]
    fn garbage_ends_the_list() {
        for (header, count) in [
            ("", 0),
            ("\u{1}", 0),
            (",,,", 0),
            ("Basic realm=\"never closed", 1),
            ("Basic realm=\"a\\", 1),
            ("realm=\"of no scheme\"", 0),
            ("Basic \"x\", Bearer", 1),
        ] {
            assert_eq!(parse(header).len(), count, "{header:?}");
        }
        assert_eq!(parse(&"a,".repeat(100_000)).len(), MOST);
    }
}
