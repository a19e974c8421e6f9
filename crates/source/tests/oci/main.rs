//! Container images in folders and tars: what is read, and what is refused.

mod files;
mod fixture;
