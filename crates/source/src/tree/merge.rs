//! Layers: merging their entries, and reading their contents again later.

use std::sync::Arc;

use super::contents::{Entries, Visit};
use super::{Error, Tree};
use crate::layer::Layer;

/// A layer with what is remembered from listing it.
pub(super) struct ScannedLayer {
    #[expect(dead_code, reason = "merging comes next")]
    layer: Arc<dyn Layer>,
}

impl ScannedLayer {
    /// Reads the layer again, up to the last wanted entry or to its end.
    pub(super) fn replay<E: From<Error>>(
        &self,
        _entries: &Entries,
        _to_the_end: bool,
        _visit: &mut Visit<'_, E>,
    ) -> Result<(), E> {
        Ok(())
    }
}

impl Tree {
    /// Merges a layer over what is there.
    pub fn add_layer(&mut self, layer: Arc<dyn Layer>) -> Result<(), Error> {
        self.merged += 1;
        self.layers.push(Arc::new(ScannedLayer { layer }));
        Ok(())
    }
}
