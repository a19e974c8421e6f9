//! `report.html`: a release for people. One file that asks for nothing from elsewhere, for a screen in light or
//! dark and for paper.
//!
//! A [`Report`] is what is known of a release; [`html`] writes it, the same one as the same bytes. In order: the
//! chain of trust as a picture (`picture`), warnings, what starts, sizes down to the largest folders (`sizes`),
//! certificates, predicted PCRs, packages.

mod html;
mod picture;
mod sizes;
#[cfg(test)]
mod tests;

use contract::manifest::Manifest;
use source::inventory::Component;
use source::keys::CertificateSummary;

pub use html::html;
pub use sizes::{Folder, largest};

/// A release.
#[derive(Debug)]
pub struct Report<'a> {
    /// What the configuration calls it.
    pub name: &'a str,
    /// When it was made: `2026-11-24`.
    pub date: &'a str,
    /// One for each system, in their order.
    pub systems: Vec<System<'a>>,
    /// Images, each once.
    pub images: Vec<Image>,
    /// What each certificate is for, and what it says.
    pub certificates: Vec<(&'static str, CertificateSummary)>,
    /// The packages of each part.
    pub packages: &'a [(String, Vec<Component>)],
    /// What the owner should know.
    pub warnings: Vec<String>,
}

/// A system: what starts it, and what it may do.
#[derive(Debug)]
pub struct System<'a> {
    /// What it pins.
    pub manifest: &'a Manifest,
    /// File name of its UKI.
    pub uki: String,
    /// Size of the UKI without its signature, in bytes.
    pub size: u64,
    /// Authenticode digest, SHA-256, hex.
    pub authenticode: String,
    /// The kernel's command line.
    pub command_line: &'a str,
    /// Name and size in bytes of what is in the UKI.
    pub sections: Vec<(String, u64)>,
    /// Registers that a TPM will hold: which, and the value, hex.
    pub pcrs: Vec<(String, String)>,
}

/// An image, and what takes its place.
#[derive(Debug)]
pub struct Image {
    /// File name.
    pub file: String,
    /// Size of the file, in bytes.
    pub size: u64,
    /// Root hash, hex.
    pub root_hash: String,
    /// What is in it, before compression, in bytes.
    pub content: u64,
    /// Its largest folders.
    pub folders: Vec<Folder>,
}
