//! Debian's archive over HTTP, against a mirror that lies, breaks off and never ends.

mod downloads;
mod fixture;
mod hostile;
mod server;
mod signatures;
