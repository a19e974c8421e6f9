//! Files that will be needed later, fetched while nobody waits for one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::{Client, Request};

/// Whose turn it is to use the network: that of who waits for a file, as long as anybody does.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
    /// What is fetched ahead is given up, for now or for good.
    stop: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// How many files are waited for.
    waiting: usize,
    /// Whether nothing is to be fetched ahead any more.
    over: bool,
}

/// Somebody waits for a file as long as this is there.
pub(super) struct Waiting<'a>(&'a Turns);

/// Nothing is fetched ahead any more once this is gone.
#[derive(Debug)]
pub struct End<'a>(&'a Turns);

impl Turns {
    /// Somebody waits for a file.
    pub(super) fn wait_for_file(&self) -> Waiting<'_> {
        let mut state = self.state();
        state.waiting += 1;
        self.stop.store(true, Ordering::Relaxed);
        Waiting(self)
    }

    /// Returns when nobody waits for a file any more; `false` when nothing is to be fetched ahead.
    fn idle(&self) -> bool {
        let busy = |state: &mut State| state.waiting > 0 && !state.over;
        let waited = self.changed.wait_while(self.state(), busy);
        let state = waited.unwrap_or_else(PoisonError::into_inner);
        self.stop.store(state.over, Ordering::Relaxed);
        !state.over
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
        self.0.changed.notify_all();
    }
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.state().over = true;
        self.0.stop.store(true, Ordering::Relaxed);
        self.0.changed.notify_all();
    }
}

impl Client {
    /// Ends [`Client::fetch_ahead`] when it is dropped.
    pub fn end_ahead(&self) -> End<'_> {
        End(&self.turns)
    }

    /// Fetches what the cache does not have of these files, one after the other, while nobody waits for
    /// one: whoever does comes first, and goes on with the very file that is on its way.
    ///
    /// Nothing is said: the first file that cannot be had ends it, and whoever needs that one is told
    /// why. What is in the cache is not looked at.
    pub fn fetch_ahead(&self, files: impl IntoIterator<Item = Request>) {
        if self.is_offline() {
            return;
        }
        let mut client = self.clone();
        client.settings.tries = 1;
        for file in files {
            let path = client.cache.path(&file.digest);
            while !path.exists() {
                if !client.turns.idle() {
                    return;
                }
                let fetched = client.fetch_now(&file, &(), &client.turns.stop);
                if fetched.is_err() && !client.turns.stop.load(Ordering::Relaxed) {
                    return;
                }
            }
        }
    }
}
