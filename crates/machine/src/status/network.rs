//! The network interfaces, with the addresses that they have now.

use std::net::IpAddr;
use std::path::Path;

use linux::network::{self, Address, Interface};
use serde::Serialize;

/// What the kernel says about the network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Network {
    /// By name.
    pub interfaces: Vec<NetworkInterface>,
}

/// An interface with hardware behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NetworkInterface {
    /// `eth0`.
    pub name: String,
    /// `52:54:00:12:34:56`.
    pub hardware_address: String,
    /// Whether there is a cable with something at its other end.
    pub link: bool,
    /// With the length of the network's prefix: `10.0.2.15/24`.
    pub addresses: Vec<String>,
    /// Those that others can reach it by, without a prefix: none that hold on one cable only.
    pub reachable: Vec<IpAddr>,
}

impl Network {
    /// The interfaces of the machine that this program runs on; none when the kernel does not say.
    pub fn of_this_machine() -> Self {
        let addresses = network::addresses().unwrap_or_default();
        Self::new(network::interfaces(Path::new("/sys")), &addresses)
    }

    /// Puts interfaces and addresses together.
    pub fn new(interfaces: Vec<Interface>, addresses: &[Address]) -> Self {
        let with_addresses = |interface: Interface| {
            let own = || {
                addresses
                    .iter()
                    .filter(|row| row.interface == interface.index)
            };
            let reachable = own()
                .map(|row| row.address)
                .filter(|address| !is_local(address));
            NetworkInterface {
                reachable: reachable.collect(),
                addresses: own()
                    .map(|row| format!("{}/{}", row.address, row.prefix))
                    .collect(),
                name: interface.name,
                hardware_address: interface.hardware_address,
                link: interface.link,
            }
        };
        Self {
            interfaces: interfaces.into_iter().map(with_addresses).collect(),
        }
    }

    /// Whether waiting longer will likely bring nothing: every cable has brought an address.
    pub fn settled(&self) -> bool {
        let mut linked = self.interfaces.iter().filter(|row| row.link).peekable();
        linked.peek().is_some() && linked.all(|row| !row.reachable.is_empty())
    }

    /// What a person who waits for the network wants to read: one line for each interface that
    /// has an address and had none.
    pub fn news(&self, before: &Self) -> Vec<String> {
        let had = |name: &str| {
            let row = before.interfaces.iter().find(|row| row.name == name);
            row.is_some_and(|row| !row.reachable.is_empty())
        };
        let new = self
            .interfaces
            .iter()
            .filter(|row| !row.reachable.is_empty() && !had(&row.name));
        new.map(|row| format!("sealboot: {} has {}", row.name, row.addresses.join(" ")))
            .collect()
    }

    /// Addresses that others reach this machine by, IPv4 first: it is the shorter to type.
    pub fn reachable(&self) -> Vec<IpAddr> {
        let mut all: Vec<IpAddr> = self
            .interfaces
            .iter()
            .flat_map(|row| row.reachable.clone())
            .collect();
        all.sort_by_key(IpAddr::is_ipv6);
        all
    }
}

/// Whether an address holds on one cable only (RFC 3927, RFC 4291 section 2.5.6).
fn is_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(link: bool, addresses: &[&str]) -> Network {
        let interface = Interface {
            name: "eth0".to_owned(),
            index: 2,
            hardware_address: "52:54:00:12:34:56".to_owned(),
            link,
        };
        let address = |text: &&str| Address {
            interface: 2,
            address: text.parse().unwrap(),
            prefix: 24,
        };
        let addresses: Vec<Address> = addresses.iter().map(address).collect();
        Network::new(vec![interface], &addresses)
    }

    #[test]
    fn a_cable_without_an_address_is_waited_for() {
        assert!(!Network::default().settled());
        assert!(!network(false, &[]).settled());
        assert!(!network(true, &["fe80::1", "169.254.1.1"]).settled());
        assert!(network(true, &["fe80::1", "10.0.2.15"]).settled());
    }

    #[test]
    fn the_first_address_is_news_and_another_is_not() {
        let (none, one) = (
            network(true, &["fe80::1"]),
            network(true, &["fe80::1", "10.0.2.15"]),
        );
        assert_eq!(
            one.news(&none),
            ["sealboot: eth0 has fe80::1/24 10.0.2.15/24"]
        );
        assert_eq!(network(true, &["10.0.2.16"]).news(&one), [""; 0]);
        assert_eq!(none.news(&one), [""; 0]);
    }
}
