//! System calls: the only crate with unsafe code.

pub mod block;
pub mod device_mapper;
pub mod efivars;
pub mod keyring;
pub mod loop_device;
pub mod modules;
pub mod mount;
pub mod power;
pub mod tty;
pub mod uevent;
