//! A server on this machine whose every answer is a function of the request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Name in lower case, and value.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Without `Content-Length`.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The connection is cut after so many bytes of the body.
    pub(crate) cut: Option<usize>,
    /// Pause before each of so many bytes, in milliseconds.
    pub(crate) slow: Option<(usize, u64)>,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            cut: None,
            slow: None,
        }
    }

    pub(crate) fn body(bytes: impl Into<Vec<u8>>) -> Self {
        let body = bytes.into();
        Self {
            body,
            ..Self::status(200)
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

#[derive(Clone)]
pub(crate) struct Server {
    /// `127.0.0.1:12345`
    pub(crate) host: String,
    log: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            host: listener.local_addr().unwrap().to_string(),
            log: Arc::default(),
        };
        let (log, handler): (_, Arc<Handler>) = (Arc::clone(&server.log), Arc::new(handler));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, handler) = (Arc::clone(&log), Arc::clone(&handler));
                std::thread::spawn(move || talk(&stream, &log, &*handler));
            }
        });
        server
    }

    /// The requests so far whose path ends like that.
    pub(crate) fn asked(&self, end: &str) -> Vec<Request> {
        let log = self.log.lock().unwrap();
        log.iter()
            .filter(|request| request.path.ends_with(end))
            .cloned()
            .collect()
    }
}

fn talk(stream: &TcpStream, log: &Mutex<Vec<Request>>, handler: &Handler) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let Some(request) = read_request(&mut reader, stream) else {
            // What servers say to TLS where they speak none.
            let mut stream = stream;
            return stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").ok();
        };
        log.lock().unwrap().push(request.clone());
        let mut reply = handler(&request);
        if request.method == "HEAD" {
            reply.body.clear();
        }
        send(stream, &reply)?;
    }
}

fn read_request(reader: &mut impl BufRead, mut stream: &TcpStream) -> Option<Request> {
    let (first, headers) = read_head(reader)?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut request = Request {
        method,
        path,
        headers,
        body: Vec::new(),
    };
    let length: usize = request
        .get("content-length")
        .map_or(0, |text| text.parse().unwrap());
    if request.get("expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    request.body = vec![0; length];
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

fn read_head(reader: &mut impl BufRead) -> Option<(String, Vec<(String, String)>)> {
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) => {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            None => return Some((first.trim_end().to_owned(), headers)),
        }
    }
}

/// Sends an answer; `None` closes the connection.
fn send(mut stream: &TcpStream, reply: &Reply) -> Option<()> {
    let mut head = format!(
        "HTTP/1.1 {} x\r\nContent-Length: {}\r\n",
        reply.status,
        reply.body.len()
    );
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
    let most = reply.cut.unwrap_or(reply.body.len()).min(reply.body.len());
    let (piece, pause) = reply.slow.unwrap_or((usize::MAX, 0));
    for piece in reply.body[..most].chunks(piece) {
        std::thread::sleep(std::time::Duration::from_millis(pause));
        stream.write_all(piece).ok()?;
    }
    match reply.cut {
        Some(_) => None,
        None => Some(()),
    }
}

/// What the server at `host` answers to this request.
pub(crate) fn forward(host: &str, request: &Request) -> Reply {
    let mut stream = TcpStream::connect(host).unwrap();
    let mut head = format!(
        "{} {} HTTP/1.1\r\nConnection: close\r\n",
        request.method, request.path
    );
    for (name, value) in request
        .headers
        .iter()
        .filter(|(name, _)| !["connection", "expect"].contains(&name.as_str()))
    {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    stream.write_all(&request.body).unwrap();
    let mut reader = BufReader::new(stream);
    let (first, mut headers) = read_head(&mut reader).unwrap();
    let mut body = Vec::new();
    reader.read_to_end(&mut body).unwrap();
    if headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value == "chunked")
    {
        body = unchunk(&body);
    }
    let ours = ["content-length", "transfer-encoding", "connection"];
    headers.retain(|(name, _)| !ours.contains(&name.as_str()));
    Reply {
        status: first.split(' ').nth(1).unwrap().parse().unwrap(),
        headers,
        body,
        cut: None,
        slow: None,
    }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return out;
        }
        out.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
}
