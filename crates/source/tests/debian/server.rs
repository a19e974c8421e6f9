//! A mirror on this machine that does as it is told: serves, cuts, redirects, never ends.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// How to answer one request, instead of with the file.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// An HTTP status without the file.
    Status(u16),
    /// The head, so many bytes, and no more.
    CutAfter(usize),
    /// Nothing at all: the connection is closed.
    Hangup,
    /// 200 and the whole file, whatever range was asked for.
    IgnoreRange,
    /// 206 with a range that starts elsewhere.
    OtherRange,
    /// 302.
    Redirect(String),
    /// 200 and zeros until the client has enough.
    Endless,
    /// Bytes that are not HTTP.
    Garbage,
    /// Nothing, but the connection stays open.
    Silence,
}

#[derive(Default)]
struct State {
    files: HashMap<String, Vec<u8>>,
    /// Answers for the next requests; the last one stays when it is marked so.
    answers: HashMap<String, (VecDeque<Answer>, Option<Answer>)>,
    log: Vec<Asked>,
}

/// One request: path, and where its range starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) from: Option<usize>,
}

#[derive(Clone)]
pub(crate) struct Server {
    state: Arc<Mutex<State>>,
    address: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Self {
            state: Arc::default(),
            address,
        };
        let shared = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || shared.talk(&stream));
            }
        });
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    pub(crate) fn put(&self, path: &str, bytes: Vec<u8>) {
        self.state
            .lock()
            .unwrap()
            .files
            .insert(path.to_owned(), bytes);
    }

    pub(crate) fn file(&self, path: &str) -> Vec<u8> {
        self.state.lock().unwrap().files[path].clone()
    }

    /// Changes every file whose path contains `part`.
    pub(crate) fn change(&self, part: &str, change: impl Fn(&mut Vec<u8>)) {
        let mut changed = 0;
        for (path, bytes) in &mut self.state.lock().unwrap().files {
            if path.contains(part) {
                change(bytes);
                changed += 1;
            }
        }
        assert!(changed > 0, "no file is named {part}");
    }

    pub(crate) fn remove(&self, part: &str) {
        self.state
            .lock()
            .unwrap()
            .files
            .retain(|path, _| !path.contains(part));
    }

    /// Answers the next requests for `path` like that.
    pub(crate) fn answer(&self, path: &str, answers: &[Answer]) {
        let answers = (answers.iter().cloned().collect(), None);
        self.state
            .lock()
            .unwrap()
            .answers
            .insert(path.to_owned(), answers);
    }

    /// Answers every request for `path` like that.
    pub(crate) fn always(&self, path: &str, answer: Answer) {
        let answers = (VecDeque::new(), Some(answer));
        self.state
            .lock()
            .unwrap()
            .answers
            .insert(path.to_owned(), answers);
    }

    /// Becomes an honest mirror without files.
    pub(crate) fn reset(&self) {
        *self.state.lock().unwrap() = State::default();
    }

    /// The requests for `path` so far.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        let log = &self.state.lock().unwrap().log;
        log.iter()
            .filter(|asked| asked.path == path)
            .cloned()
            .collect()
    }

    fn talk(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(asked) = read_head(&mut reader) {
            let (file, answer) = {
                let mut state = self.state.lock().unwrap();
                state.log.push(asked.clone());
                let answer = state.answers.get_mut(&asked.path);
                let answer = answer.and_then(|(next, rest)| next.pop_front().or(rest.clone()));
                (state.files.get(&asked.path).cloned(), answer)
            };
            if reply(stream, &asked, file, answer).is_none() {
                return;
            }
        }
    }
}

fn read_head(reader: &mut impl BufRead) -> Option<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        reader.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let range = head.lines().find_map(|line| {
        let line = line.to_ascii_lowercase();
        let from = line
            .strip_prefix("range: bytes=")?
            .strip_suffix('-')?
            .to_owned();
        Some(from.parse().unwrap())
    });
    Some(Asked { path, from: range })
}

/// Sends an answer; `None` closes the connection.
fn reply(
    mut stream: &TcpStream,
    asked: &Asked,
    file: Option<Vec<u8>>,
    answer: Option<Answer>,
) -> Option<()> {
    let empty =
        |status: u16, more: &str| format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n{more}\r\n");
    let whole = file.clone().unwrap_or_default();
    let rest = |from: usize| whole.get(from..).unwrap_or_default();
    let head =
        |status: &str, length: usize| format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n");
    let from = asked.from.unwrap_or(0);
    let range = |start: usize| {
        format!(
            "Content-Range: bytes {start}-{}/{}\r\n\r\n",
            whole.len().saturating_sub(1),
            whole.len()
        )
    };
    let (head, body) = match answer {
        Some(Answer::Status(status)) => (empty(status, ""), &[][..]),
        Some(Answer::Redirect(to)) => (empty(302, &format!("Location: {to}\r\n")), &[][..]),
        Some(Answer::Hangup) => return None,
        Some(Answer::Garbage) => {
            stream
                .write_all(b"\x16\x03\x01 not HTTP at all\r\n\r\n")
                .ok()?;
            return None;
        }
        Some(Answer::Silence) => {
            std::thread::sleep(std::time::Duration::from_secs(60));
            return None;
        }
        Some(Answer::Endless) => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                .ok()?;
            loop {
                stream.write_all(&[0; 65536]).ok()?;
            }
        }
        Some(Answer::CutAfter(most)) => {
            let body = rest(from);
            let head = if asked.from.is_some() {
                head("206 Partial Content", body.len()) + &range(from)
            } else {
                head("200 OK", body.len()) + "\r\n"
            };
            stream.write_all(head.as_bytes()).ok()?;
            stream.write_all(&body[..most.min(body.len())]).ok()?;
            return None;
        }
        Some(Answer::IgnoreRange) => (head("200 OK", whole.len()) + "\r\n", rest(0)),
        Some(Answer::OtherRange) => (
            head("206 Partial Content", whole.len()) + &range(0),
            rest(0),
        ),
        None if file.is_none() => (empty(404, ""), &[][..]),
        None if asked.from.is_some() && from >= whole.len() => (empty(416, ""), &[][..]),
        None if asked.from.is_some() => {
            let body = rest(from);
            (head("206 Partial Content", body.len()) + &range(from), body)
        }
        None => (head("200 OK", whole.len()) + "\r\n", rest(0)),
    };
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    Some(())
}
