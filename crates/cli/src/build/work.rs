//! Work that an earlier build did, kept beside the downloads: found again, it is not done again.
//!
//! A build without it gives the same bytes, and none fails because something cannot be kept.

use std::cell::RefCell;
use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use anyhow::Context;
use artifact::cache::files::{self, Files};
use artifact::cache::image::Cached;
use artifact::cache::{self, Store};
use artifact::image;
use source::fetch::Digest;
use source::kept::Kept;
use source::layer::{Layer, Spool};
use source::tree::{self, Tree};

use super::plan::Plan;
use crate::exit::WithCode;
use crate::progress::Progress;

/// What takes the place of a build's longest steps.
pub struct Work<'a> {
    store: Option<Store>,
    /// Images that are being kept while the build goes on.
    keeping: RefCell<Vec<JoinHandle<Result<(), cache::Error>>>>,
    /// One at a time: each adds itself to a list.
    turn: Arc<Mutex<()>>,
    /// Where streams are put aside.
    spool: Arc<Spool>,
    /// Where steps are shown.
    pub progress: &'a Progress,
}

impl<'a> Work<'a> {
    /// Work kept in the plan's cache, as much as it says.
    pub fn open(plan: &Plan, progress: &'a Progress) -> Self {
        let store = plan.keep.map(|size| -> anyhow::Result<Store> {
            let program = this_program().context("this program cannot be read")?;
            Ok(Store::open(&plan.cache, size, program)?)
        });
        let mut work = Self {
            store: None,
            keeping: RefCell::default(),
            turn: Arc::default(),
            spool: Spool::new(&plan.out, room_in_memory()),
            progress,
        };
        match store {
            Some(Ok(store)) => work.store = Some(store),
            Some(Err(error)) => work.note(&error),
            None => {}
        }
        work
    }

    /// Builds an image as a new file, or puts there what was built before.
    pub fn image(
        &self,
        tree: &Tree,
        out: &Path,
        options: &image::Options,
        progress: &mut dyn FnMut(image::Progress),
    ) -> Result<Cached, image::Error> {
        let mut cached = cache::image::build(self.store.as_ref(), tree, out, options, progress)?;
        if let Some(keeping) = cached.keeping.take() {
            let thread = std::thread::Builder::new().name("keep".to_owned());
            // Where there can be no more threads, it is not kept.
            let turn = self.turn.clone();
            let thread = thread.spawn(move || {
                let _turn = turn.lock();
                keeping.run()
            });
            self.keeping.borrow_mut().extend(thread);
        }
        Ok(cached)
    }

    /// Where parts of the work are kept by who does it.
    pub fn kept(&self) -> Option<&dyn Kept> {
        self.store.as_ref().map(|store| store as &dyn Kept)
    }

    /// The same layers, each decompressed once and listed once: the stream is put aside when it is listed,
    /// and the listing is kept.
    pub fn read_once(
        &self,
        layers: impl IntoIterator<Item = Arc<dyn Layer>>,
    ) -> Vec<Arc<dyn Layer>> {
        layers.into_iter().map(self.once()).collect()
    }

    /// Makes the same of layers that are fetched, and lists each while others still come.
    pub fn arrival(&self) -> impl Fn(Arc<dyn Layer>, &AtomicBool) -> Arc<dyn Layer> + Sync {
        let once = self.once();
        move |layer, stop| {
            let layer = once(layer);
            tree::list_ahead(&*layer, stop);
            layer
        }
    }

    /// Makes a layer one that is decompressed and listed once.
    fn once(&self) -> impl Fn(Arc<dyn Layer>) -> Arc<dyn Layer> + Sync + use<> {
        let (store, spool) = (self.store.clone(), Arc::clone(&self.spool));
        move |layer| cache::listed(store.as_ref(), spool.layer(layer))
    }

    /// What `make` makes of a tree; a name and the other inputs say what that is.
    pub fn files(
        &self,
        (name, inputs): (&str, &[&[u8]]),
        tree: &Tree,
        make: impl FnOnce() -> anyhow::Result<Files>,
    ) -> anyhow::Result<Files> {
        let Some(store) = &self.store else {
            return make();
        };
        let identity = tree.identity().input_code()?;
        let mut all: Vec<&[u8]> = vec![&identity.sha256];
        all.extend(inputs);
        let key = store.key(name, &all);
        let found = store.get(&key);
        if let Some(files) = found.and_then(|bytes| files::unpack(&bytes)) {
            return Ok(files);
        }
        let made = make()?;
        // A file that was changed meanwhile may have been read before or after that.
        if !identity.on_this_machine || tree.identity_anew().input_code()? == identity {
            let kept = store.put(&key, &files::pack(&made));
            kept.unwrap_or_else(|error| self.note(&error.into()));
        }
        Ok(made)
    }

    /// Ends what is being kept, and takes away what is too much. Called once, when a build has ended
    /// well.
    pub fn tidy(&self) {
        self.end_keeping();
        let tidied = self.store.as_ref().map(Store::tidy);
        if let Some(Err(error)) = tidied {
            self.note(&error.into());
        }
    }

    fn end_keeping(&self) {
        for thread in self.keeping.take() {
            if let Ok(Err(error)) = thread.join() {
                self.note(&error.into());
            }
        }
    }

    fn note(&self, error: &anyhow::Error) {
        let line = format!("  note: nothing is kept for the next build: {error:#}");
        self.progress.say(&line);
    }
}

impl Drop for Work<'_> {
    /// A build that fails later need not make its images again.
    fn drop(&mut self) {
        self.end_keeping();
    }
}

/// How many bytes of files the kernel holds before it makes their writer wait for the disk: a fifth of
/// what is available (kernel: `Documentation/admin-guide/sysctl/vm.rst`, `dirty_ratio`).
fn room_in_memory() -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = meminfo.lines().find_map(|line| {
        let kib = line.strip_prefix("MemAvailable:")?.strip_suffix("kB")?;
        kib.trim().parse::<u64>().ok()
    });
    available.unwrap_or_default() * 1024 / 5
}

/// The hash of the program: another one may make something else of the same inputs.
fn this_program() -> anyhow::Result<[u8; 32]> {
    let mut program = File::open("/proc/self/exe")?;
    let (Digest(hash), _) = Digest::of_reader(&mut program)?;
    Ok(hash)
}
