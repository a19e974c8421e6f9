//! Waiting for texts on the serial line, one after the other.

/// What is still awaited.
#[derive(Clone, Debug)]
pub struct Expectation<'a, T> {
    texts: &'a [T],
    met: usize,
    /// What came since the last match, without control sequences; bounded by [`KEEP`].
    recent: String,
    escape: Escape,
}

/// Where in a terminal control sequence (ECMA-48, section 5.4) the stream stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Escape {
    No,
    Started,
    Sequence,
}

/// Characters kept to look for a text in, and to show when it does not come.
const KEEP: usize = 16 * 1024;

impl<'a, T: AsRef<str>> Expectation<'a, T> {
    /// Waits for `texts` in that order.
    pub fn new(texts: &'a [T]) -> Self {
        Self {
            texts,
            met: 0,
            recent: String::new(),
            escape: Escape::No,
        }
    }

    /// More output of the machine.
    pub fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.escape = match (self.escape, byte) {
                (_, 0x1b) => Escape::Started,
                (Escape::Started, b'[') => Escape::Sequence,
                (Escape::Sequence, 0x20..=0x3f) => Escape::Sequence,
                (Escape::No, b'\n' | 0x20..=0x7e) => {
                    self.recent.push(char::from(byte));
                    Escape::No
                }
                _ => Escape::No,
            };
        }
        while let Some(text) = self.next() {
            let Some(at) = self.recent.find(text) else {
                break;
            };
            self.recent.drain(..at + text.len());
            self.met += 1;
        }
        // ASCII only: every index is a character boundary.
        self.recent.drain(..self.recent.len().saturating_sub(KEEP));
    }

    /// The text that is awaited now.
    pub fn next(&self) -> Option<&'a str> {
        self.texts.get(self.met).map(T::as_ref)
    }

    /// All of them.
    pub fn texts(&self) -> &'a [T] {
        self.texts
    }

    /// Whether all came.
    pub fn met(&self) -> bool {
        self.next().is_none()
    }

    /// The last lines that came.
    pub fn tail(&self) -> String {
        let lines: Vec<&str> = self
            .recent
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn texts_are_found_across_pieces_and_through_control_sequences() {
        let texts = texts(&["Secure Boot", "on"]);
        let mut expectation = Expectation::new(&texts);
        for piece in [&b"Sec\x1b[1;32mure"[..], b" Bo\x1b[0mot", b": o", b"n"] {
            assert!(!expectation.met());
            expectation.feed(piece);
        }
        assert!(expectation.met());
    }

    #[test]
    fn order_counts() {
        let texts = texts(&["b", "a"]);
        let mut expectation = Expectation::new(&texts);
        expectation.feed(b"a b");
        assert_eq!(expectation.next(), Some("a"));
    }

    #[test]
    fn memory_is_bounded_and_the_tail_is_the_end() {
        let texts = texts(&["never"]);
        let mut expectation = Expectation::new(&texts);
        for _ in 0..KEEP {
            expectation.feed(b"line\n");
        }
        expectation.feed(b"last\n");
        assert!(expectation.recent.len() <= KEEP);
        assert!(expectation.tail().ends_with("last"));
    }
}
