//! Every format and every archive against the tools that others use: one module a topic.

mod alpine;
mod authorities;
mod cpio;
mod debian;
mod disk;
mod fat;
mod fields;
mod gpt;
mod image;
mod keys;
mod makers;
mod measured;
mod modules;
mod oci;
mod owner;
mod qcow2;
mod signatures;
mod signers;
mod squashfs;
mod tree;
mod uki;
mod varstore;
mod verity;

// The repository with which `source` tests Alpine's archive.
#[allow(dead_code)]
#[path = "../../crates/source/tests/alpine/fixture.rs"]
mod apk;
// The cases with which `source` tests its trees speak of its layers.
use source::layer;
