//! Boots in a virtual machine, and refusals to boot. Every test reads the serial line: silence,
//! a time-out or a clean power-off is a failure.

mod artefacts;
mod boots;
mod init;
mod keys;
mod live;
mod machine;
mod places;
mod policy;
mod rebuild;
mod recovery;
mod refusals;
mod release;
mod roots;
mod screen;
mod signed_elsewhere;
mod stick;
mod systems;
mod tamper;
mod toolbox;
