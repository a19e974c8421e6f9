//! Kernel events about devices (netlink(7), `NETLINK_KOBJECT_UEVENT`; kernel:
//! `lib/kobject_uevent.c`): `add@/devices/…`, then NUL-terminated `KEY=value` words.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};

use crate::Error;

/// Multicast group in which the kernel itself speaks; group 2 is udev's.
const KERNEL: u32 = 1;

/// Socket buffer in bytes: a large machine's first second of events.
const BUFFER: usize = 16 << 20;

/// Largest event in bytes (`UEVENT_BUFFER_SIZE` is 2048, plus the header).
const LARGEST: usize = 8192;

/// What happened to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uevent {
    /// `add`, `remove`, `change`, `bind` …
    pub action: String,
    /// Path below sysfs: `/devices/…`.
    pub device: String,
    /// All words: `SUBSYSTEM`, `MODALIAS`, `DEVNAME` …
    pub words: BTreeMap<String, String>,
}

/// What a wait for events gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An event.
    Event(Uevent),
    /// Too many came at once and some are lost: look at everything again.
    Lost,
    /// The time is over.
    Nothing,
}

/// A socket on which the kernel tells its events.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
}

impl Uevent {
    /// Reads the kernel's message; `None` when it is none.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let mut words = message.split(|byte| *byte == 0);
        let header = std::str::from_utf8(words.next()?).ok()?;
        let (action, device) = header.split_once('@')?;
        let words = words.filter_map(|word| std::str::from_utf8(word).ok()?.split_once('='));
        Some(Self {
            action: action.to_owned(),
            device: device.to_owned(),
            words: words
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        })
    }

    /// The alias by which modules for this device are found, when it just came.
    pub fn modalias(&self) -> Option<&str> {
        (self.action == "add").then(|| self.words.get("MODALIAS").map(String::as_str))?
    }
}

impl Listener {
    /// Starts to listen: from now on no event is missed.
    pub fn open() -> Result<Self, Error> {
        let trouble =
            |errno: Errno| Error::new("cannot listen to", "the kernel's device events", errno);
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let kind = Some(netlink::KOBJECT_UEVENT);
        let socket =
            rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, kind)
                .map_err(trouble)?;
        // A smaller buffer only means that events may get lost, which is noticed and made good.
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER);
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, KERNEL)).map_err(trouble)?;
        Ok(Self { socket })
    }

    /// The next event, or nothing when none comes in `patience`.
    pub fn next(&self, patience: Duration) -> Result<Heard, Error> {
        let trouble = |errno: Errno| Error::new("cannot hear", "the kernel's device events", errno);
        let mut buffer = [0; LARGEST];
        loop {
            match rustix::net::recvfrom(&self.socket, &mut buffer[..], RecvFlags::empty()) {
                Ok((length, _, sender)) => {
                    // Only the kernel has port 0; programs may send to the group too.
                    let sender =
                        sender.and_then(|address| SocketAddrNetlink::try_from(address).ok());
                    let event = buffer.get(..length).and_then(Uevent::parse);
                    if let (Some(0), Some(event)) = (sender.map(|address| address.pid()), event) {
                        return Ok(Heard::Event(event));
                    }
                }
                Err(Errno::NOBUFS) => return Ok(Heard::Lost),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    if !readable(self.socket.as_fd(), patience).map_err(trouble)? {
                        return Ok(Heard::Nothing);
                    }
                }
                Err(errno) => return Err(trouble(errno)),
            }
        }
    }
}

/// Waits until there is something to read.
fn readable(socket: impl AsFd, patience: Duration) -> rustix::io::Result<bool> {
    let timeout = Timespec::try_from(patience).map_err(|_| Errno::INVAL)?;
    match poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&timeout)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(true),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ADD: &[u8] = b"add@/devices/pci0/0000:00:03.0\0ACTION=add\0SUBSYSTEM=pci\0\
        MODALIAS=pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00\0SEQNUM=7\0";

    #[test]
    fn an_event_is_read() {
        let event = Uevent::parse(ADD).unwrap();
        assert_eq!(
            (&*event.action, &*event.device),
            ("add", "/devices/pci0/0000:00:03.0")
        );
        assert_eq!(event.words["SUBSYSTEM"], "pci");
        assert_eq!(
            event.modalias(),
            Some("pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00")
        );
    }

    #[test]
    fn only_what_comes_has_a_modalias() {
        let gone = String::from_utf8(ADD.to_vec())
            .unwrap()
            .replacen("add@", "remove@", 1);
        assert_eq!(Uevent::parse(gone.as_bytes()).unwrap().modalias(), None);
        assert_eq!(Uevent::parse(b"libudev\0\xfe\xed"), None);
    }

    #[test]
    fn silence_ends_the_wait() {
        let listener = Listener::open().unwrap();
        // On a machine where devices come and go an event is a fine answer, too.
        listener.next(Duration::ZERO).unwrap();
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = Uevent::parse(&bytes);
        }
    }
}
