//! The boot sequence in a folder: what init would do, in which order, and when it refuses.

mod firmware;
mod hardware;
mod last_failure;
mod lockdown;
mod machine;
mod partition;
mod policy;
mod refusals;
mod starts;
mod systems;
