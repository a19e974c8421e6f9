//! Network interfaces: what sysfs says of them (kernel:
//! `Documentation/ABI/testing/sysfs-class-net`), and their addresses (rtnetlink(7),
//! `RTM_GETADDR`).

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::Error;

/// Message types and flags (`linux/netlink.h`, `linux/rtnetlink.h`).
const RTM_GETADDR: u16 = 22;
const RTM_NEWADDR: u16 = 20;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const REQUEST_DUMP: u16 = 0x301;

/// Protocol 0 of netlink (`linux/netlink.h`), for which rustix has no name.
const NETLINK_ROUTE: Option<rustix::net::Protocol> = None;

/// Attributes of an address (`linux/if_addr.h`).
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;

/// Not usable yet: the kernel still asks whether somebody else has it.
const IFA_F_TENTATIVE: u8 = 0x40;

/// Families (`linux/socket.h`).
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// How long the kernel may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The interface's index.
    pub interface: u32,
    /// The address.
    pub address: IpAddr,
    /// Bits of it that name the network.
    pub prefix: u8,
}

/// An interface with hardware behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// `eth0`.
    pub name: String,
    /// The kernel's number for it.
    pub index: u32,
    /// Hardware address: `52:54:00:12:34:56`.
    pub hardware_address: String,
    /// Whether a cable leads to something that answers.
    pub link: bool,
}

/// The interfaces that sysfs (mounted at `sys`) lists and that have a device, by name: no
/// loopback, no bridges.
pub fn interfaces(sys: &Path) -> Vec<Interface> {
    let entries = fs::read_dir(sys.join("class/net"))
        .into_iter()
        .flatten()
        .flatten();
    let mut interfaces: Vec<Interface> = entries
        .filter_map(|entry| {
            let folder = entry.path();
            folder.join("device").symlink_metadata().ok()?;
            let read = |file: &str| fs::read_to_string(folder.join(file)).ok();
            Some(Interface {
                name: entry.file_name().into_string().ok()?,
                index: read("ifindex")?.trim().parse().ok()?,
                hardware_address: read("address").unwrap_or_default().trim().to_owned(),
                // While an interface is down, its carrier cannot be read.
                link: read("carrier").is_some_and(|text| text.trim() == "1"),
            })
        })
        .collect();
    interfaces.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    interfaces
}

/// Every address that can be used now.
pub fn addresses() -> Result<Vec<Address>, Error> {
    let trouble = |errno: Errno| Error::new("cannot ask for", "the network addresses", errno);
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        flags,
        NETLINK_ROUTE,
    )
    .map_err(trouble)?;
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(&socket, &request(), SendFlags::empty(), &kernel).map_err(trouble)?;
    let mut addresses = Vec::new();
    let mut buffer = [0; 32 << 10];
    loop {
        let timeout = Timespec::try_from(PATIENCE).map_err(|_| trouble(Errno::INVAL))?;
        if poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&timeout)).map_err(trouble)? == 0 {
            return Err(trouble(Errno::TIMEDOUT));
        }
        let (length, _) =
            rustix::net::recv(&socket, &mut buffer[..], RecvFlags::empty()).map_err(trouble)?;
        let answer = buffer.get(..length).unwrap_or_default();
        if read(answer, &mut addresses)
            .map_err(|source| Error::new("cannot read", "the kernel's network addresses", source))?
        {
            return Ok(addresses);
        }
    }
}

/// A header (`struct nlmsghdr`) and a `struct ifaddrmsg` of zeros: all families.
fn request() -> Vec<u8> {
    let mut message = Vec::new();
    message.extend(24u32.to_ne_bytes());
    message.extend(RTM_GETADDR.to_ne_bytes());
    message.extend(REQUEST_DUMP.to_ne_bytes());
    message.extend([0; 16]);
    message
}

/// Reads one answer, which holds several messages; true when it was the last.
fn read(mut answer: &[u8], addresses: &mut Vec<Address>) -> io::Result<bool> {
    while let Some((header, _)) = answer.split_first_chunk::<16>() {
        let [a, b, c, d, e, f, ..] = *header;
        let length = u32::from_ne_bytes([a, b, c, d]) as usize;
        let body = answer.get(16..length).ok_or(io::ErrorKind::InvalidData)?;
        match u16::from_ne_bytes([e, f]) {
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => return Err(io::ErrorKind::InvalidData.into()),
            RTM_NEWADDR => addresses.extend(address(body)),
            _ => {}
        }
        answer = answer.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// `struct ifaddrmsg` and its attributes; nothing for a family that is neither IPv4 nor IPv6.
fn address(body: &[u8]) -> Option<Address> {
    let ([family, prefix, flags, _scope, index @ ..], mut rest) = body.split_first_chunk::<8>()?;
    let mut found = None;
    while let Some(([a, b, c, d], _)) = rest.split_first_chunk::<4>() {
        let length = usize::from(u16::from_ne_bytes([*a, *b]));
        let value = rest.get(4..length)?;
        // A point-to-point link has the other end's address in IFA_ADDRESS, its own in IFA_LOCAL.
        match u16::from_ne_bytes([*c, *d]) {
            IFA_LOCAL => found = ip(*family, value),
            IFA_ADDRESS if found.is_none() => found = ip(*family, value),
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    (flags & IFA_F_TENTATIVE == 0).then_some(Address {
        interface: u32::from_ne_bytes(*index),
        address: found?,
        prefix: *prefix,
    })
}

fn ip(family: u8, bytes: &[u8]) -> Option<IpAddr> {
    match family {
        AF_INET => Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into()),
        AF_INET6 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut message = ((16 + body.len()) as u32).to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend([0; 10]);
        message.extend(body);
        message
    }

    fn body(family: u8, flags: u8, kind: u16, value: &[u8]) -> Vec<u8> {
        let mut body = vec![family, 24, flags, 0];
        body.extend(7u32.to_ne_bytes());
        body.extend(((4 + value.len()) as u16).to_ne_bytes());
        body.extend(kind.to_ne_bytes());
        body.extend(value);
        body
    }

    #[test]
    fn addresses_are_read_and_tentative_ones_are_not_there_yet() {
        let all = [
            message(RTM_NEWADDR, &body(AF_INET, 0, IFA_LOCAL, &[10, 0, 2, 15])),
            message(
                RTM_NEWADDR,
                &body(AF_INET6, IFA_F_TENTATIVE, IFA_ADDRESS, &[1; 16]),
            ),
            message(RTM_NEWADDR, &body(AF_INET6, 0, IFA_ADDRESS, &[1; 16])),
            message(NLMSG_DONE, &[0; 4]),
        ];
        let mut addresses = Vec::new();
        assert!(read(&all.concat(), &mut addresses).unwrap());
        let found: Vec<String> = addresses
            .iter()
            .map(|row| format!("{} {}/{}", row.interface, row.address, row.prefix))
            .collect();
        assert_eq!(
            found,
            ["7 10.0.2.15/24", "7 101:101:101:101:101:101:101:101/24"]
        );
        assert!(read(&message(NLMSG_ERROR, &[0; 4]), &mut addresses).is_err());
    }

    #[test]
    fn this_machine_has_its_loopback_address() {
        let addresses = addresses().unwrap();
        let localhost = IpAddr::from(Ipv4Addr::LOCALHOST);
        assert!(
            addresses.iter().any(|row| row.address == localhost),
            "{addresses:?}"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = read(&bytes, &mut Vec::new());
            let _ = address(&bytes);
        }
    }
}
