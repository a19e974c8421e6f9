//! Boots in a virtual machine, and refusals to boot. Every test reads the serial line: silence,
//! a time-out or a clean power-off is a failure.

mod artefacts;
mod boots;
mod init;
mod machine;
mod policy;
mod rebuild;
mod refusals;
mod release;
