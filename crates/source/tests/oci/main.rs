//! Container images in folders, tars and registries: what is read, and what is refused.

mod ahead;
mod copy;
mod files;
mod fixture;
mod holding;
// Not all that it can do is needed here.
#[allow(dead_code)]
mod http;
mod registry;
mod taking;
