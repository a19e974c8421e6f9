//! The command itself: what it prints, how it ends, and what it leaves behind.

mod alpine;
mod altered;
mod artefact;
mod backup;
mod bad_input;
mod cache;
mod chain;
mod diff;
mod fields;
mod image;
mod keys;
mod killed;
mod mirror;
mod oci;
mod others;
mod pcr;
mod place;
mod policy;
mod reference;
mod rotation;
mod secrets;
mod sign_with;
mod systems;
mod token;
mod trusted;
mod two_passes;
mod write;

// The archive with which `source` tests its downloads, and the mirror that spoils them. Not all
// that they can do is needed here.
#[allow(dead_code)]
#[path = "../../../source/tests/debian/fixture.rs"]
mod fixture;
#[allow(dead_code)]
#[path = "../../../source/tests/debian/server.rs"]
mod server;
// And the repository with which it tests Alpine's.
#[allow(dead_code)]
#[path = "../../../source/tests/alpine/fixture.rs"]
mod apk;
// Tokens, as all tests have them.
#[allow(dead_code)]
#[path = "../../../../tests/token.rs"]
mod softhsm;
#[allow(dead_code)]
#[path = "../../../../tests/tool.rs"]
mod tool;
#[path = "../../../../tests/trace.rs"]
mod trace;

use tool::answer;
