//! QEMU's monitor: commands to the machine, and what happens to it.
//!
//! Specification: QEMU's `docs/interop/qmp-spec`: one JSON object a line, over a stream. A
//! greeting comes first; each command gets `return` or `error`; events come at any time.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::watch::Event;

/// How long a command may take on a busy host.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to the monitor.
pub struct Monitor {
    to: UnixStream,
    replies: Receiver<Value>,
}

impl Monitor {
    /// Takes up the connection; the machine's events go to `events`.
    pub fn connect(stream: UnixStream, events: Sender<Event>) -> anyhow::Result<Self> {
        let from = BufReader::new(stream.try_clone().context("a socket cannot be shared")?);
        let (sender, replies) = mpsc::channel();
        thread::spawn(move || {
            for line in from.lines().map_while(Result::ok) {
                let Ok(message) = serde_json::from_str::<Value>(&line) else {
                    continue;
                };
                let told = match event(&message) {
                    Some(event) => events.send(event).is_ok(),
                    None => !is_reply(&message) || sender.send(message).is_ok(),
                };
                if !told {
                    return;
                }
            }
        });
        let mut monitor = Self {
            to: stream,
            replies,
        };
        monitor.execute("qmp_capabilities", json!({}))?;
        Ok(monitor)
    }

    /// Does a command and waits for what it returns.
    pub fn execute(&mut self, command: &str, arguments: Value) -> anyhow::Result<Value> {
        let line = json!({ "execute": command, "arguments": arguments });
        let sent = writeln!(self.to, "{line}");
        sent.with_context(|| format!("QEMU does not take {command}"))?;
        let mut reply = self
            .replies
            .recv_timeout(PATIENCE)
            .with_context(|| format!("QEMU does not answer {command}"))?;
        if let Some(error) = reply.get("error") {
            bail!("QEMU refuses {command}: {}", error["desc"]);
        }
        Ok(reply["return"].take())
    }

    /// The screen as a PPM file. QEMU writes it to `path`.
    pub fn screen(&mut self, path: &Path) -> anyhow::Result<Vec<u8>> {
        let name = path.to_str();
        let name = name.with_context(|| format!("{} is no UTF-8", path.display()))?;
        self.execute("screendump", json!({ "filename": name }))?;
        fs::read(path).with_context(|| format!("QEMU's picture {} cannot be read", path.display()))
    }

    /// Does a command of the monitor for people, which takes devices as the command line does.
    pub fn human(&mut self, line: &str) -> anyhow::Result<()> {
        let said = self.execute("human-monitor-command", json!({ "command-line": line }))?;
        match said.as_str().unwrap_or_default().trim() {
            "" => Ok(()),
            error => bail!("QEMU refuses {line}: {error}"),
        }
    }
}

fn is_reply(message: &Value) -> bool {
    message.get("return").is_some() || message.get("error").is_some()
}

/// What a message says of the machine, when that matters here.
fn event(message: &Value) -> Option<Event> {
    let data = &message["data"];
    let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
    match message["event"].as_str()? {
        "SHUTDOWN" => Some(Event::Stopped(text("reason"))),
        "DEVICE_DELETED" => Some(Event::Unplugged(text("device"))),
        _ => Some(Event::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A monitor that says these lines, one for each command after the first.
    fn scripted(lines: &'static [&'static str]) -> (anyhow::Result<Monitor>, Receiver<Event>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        thread::spawn(move || {
            let mut commands = BufReader::new(theirs.try_clone().unwrap()).lines();
            let mut theirs = &theirs;
            writeln!(theirs, r#"{{"QMP": {{}}}}"#).unwrap();
            for line in lines {
                if commands.next().is_none() || writeln!(theirs, "{line}").is_err() {
                    return;
                }
            }
        });
        let (sender, events) = mpsc::channel();
        (Monitor::connect(ours, sender), events)
    }

    #[test]
    fn replies_and_events_are_told_apart() {
        let (monitor, events) = scripted(&[
            r#"{"return": {}}"#,
            "{\"event\": \"SHUTDOWN\", \"data\": {\"reason\": \"guest-reset\"}}\n{\"return\": 5}",
            r#"{"error": {"class": "GenericError", "desc": "no such device"}}"#,
            r#"{"return": "Error: bus not found\r\n"}"#,
        ]);
        let mut monitor = monitor.unwrap();
        assert_eq!(monitor.execute("a", json!({})).unwrap(), 5);
        assert_eq!(
            events.recv().unwrap(),
            Event::Stopped("guest-reset".to_owned())
        );
        let error = monitor.execute("b", json!({})).unwrap_err().to_string();
        assert!(error.contains("no such device"), "{error}");
        let error = monitor.human("device_add x").unwrap_err().to_string();
        assert!(error.contains("bus not found"), "{error}");
    }

    #[test]
    fn a_monitor_that_goes_is_an_error() {
        let (monitor, _events) = scripted(&[]);
        assert!(monitor.is_err());
    }
}
