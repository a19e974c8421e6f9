//! Layers whose names are known: what is in a stream is kept, by what the stream is.

use std::io::{self, Read};
use std::sync::Arc;

use source::fetch::Digest;
use source::layer::{Layer, LayerKind, Listing};
use source::section::Section;

use super::{Key, Store};

/// A layer that lists itself from the store, and is read only for what is in its files.
struct Listed {
    layer: Arc<dyn Layer>,
    store: Store,
    key: Key,
}

/// The same layer, its listing kept in the store; as it is where there is none, or where nothing
/// says what the stream is before it is read.
pub fn listed(store: Option<&Store>, layer: Arc<dyn Layer>) -> Arc<dyn Layer> {
    match (store, layer.digest()) {
        (Some(store), Some(Digest(digest))) => Arc::new(Listed {
            key: store.key("listing", &[&digest]),
            store: store.clone(),
            layer,
        }),
        _ => layer,
    }
}

impl Layer for Listed {
    fn name(&self) -> &str {
        self.layer.name()
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        self.layer.open()
    }

    fn open_to_list(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        self.layer.open_to_list()
    }

    fn as_file(&self) -> io::Result<Option<Section>> {
        self.layer.as_file()
    }

    fn is_put_aside(&self) -> bool {
        self.layer.is_put_aside()
    }

    fn kind(&self) -> LayerKind {
        self.layer.kind()
    }

    fn diff_id(&self) -> Option<Digest> {
        self.layer.diff_id()
    }

    fn digest(&self) -> Option<Digest> {
        self.layer.digest()
    }

    fn listing(&self) -> Option<Listing> {
        Listing::from_bytes(&self.store.get(&self.key)?)
    }

    fn keeps_listing(&self) -> bool {
        true
    }

    fn keep_listing(&self, listing: &Listing) {
        // What is not kept is read again the next time.
        let _ = self.store.put(&self.key, &listing.to_bytes());
    }
}
