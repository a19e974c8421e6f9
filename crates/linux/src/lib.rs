//! System calls, and the unsafe code that they need.
//!
//! One wrapper a call, with values in and out; what to do with them is decided elsewhere. Most
//! calls come from rustix; where it has none (`add_key`, the loop and device-mapper ioctls),
//! the wrapper here holds the `unsafe` block. But for the choice of instructions in `lanes`, there
//! are no others in the project.

pub mod block;
pub mod capability;
pub mod device_mapper;
pub mod direct;
pub mod disk;
pub mod efivars;
pub mod error;
pub mod interrupt;
pub mod keyring;
pub mod loop_device;
pub mod modules;
pub mod mount;
pub mod network;
pub mod power;
pub mod process;
pub mod rooted;
pub mod tty;
pub mod uevent;
pub mod watchdog;

// A program that unwinds needs the real ones.
#[cfg(all(feature = "pid1", panic = "abort"))]
mod unused;

pub use error::Error;
