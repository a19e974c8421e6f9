//! Alpine's archive and packages: made here, signed with keys of the moment, and spoilt.

mod compose;
mod downloads;
mod fixture;
mod packages;
#[allow(dead_code)]
#[path = "../debian/server.rs"]
mod server;
