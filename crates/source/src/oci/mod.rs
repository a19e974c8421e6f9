//! Container images (OCI image-spec 1.1, and Docker's image manifest version 2, schema 2), in
//! registries, folders and tars.
//!
//! In order: a [`Reference`] says where an image is; `layout` (a folder, or a tar that is read
//! in place with `tar_index`) gives documents by digest; `image` goes from index to manifest to
//! configuration for linux/amd64 and checks each against digest, size and media type;
//! `docker_archive` does the same for what `docker save` writes, `registry` fetches; an [`ImageLayer`] is
//! then merged as any other layer. [`copy`] takes an image as it is from one of these places to another. No byte is parsed before its digest was checked, except in a
//! `docker-archive`, whose layers are known uncompressed only.

mod blob;
mod copy;
mod docker_archive;
mod document;
mod error;
mod image;
mod layer;
mod layout;
mod media_type;
mod reference;
mod registry;
mod tar_index;

pub use copy::{Copied, Count, artifact_type, copy};
pub use document::{Config, Program};
pub use error::Error;
pub use image::Image;
pub use layer::ImageLayer;
pub use reference::{NotAReference, Place, Reference};
pub use registry::{Credentials, CredentialsError, Registries, Settings};
