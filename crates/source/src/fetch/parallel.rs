//! A few things at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How many files are fetched at once: enough to hide a mirror's latency, few enough to be polite.
pub(crate) const PARALLEL: usize = 4;

/// Does `work` for each item, a few at once; the result is in the order of `items`. The first
/// error stops the others and is returned.
pub(crate) fn in_parallel<T: Sync, R: Send, E: Send>(
    items: &[T],
    work: impl Fn(&T, &AtomicBool) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::new());
    let failed: Mutex<Option<E>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..PARALLEL.min(items.len()) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { break };
                    match work(item, &stop) {
                        Ok(result) => locked(&done).push((at, result)),
                        Err(error) => {
                            stop.store(true, Ordering::Relaxed);
                            locked(&failed).get_or_insert(error);
                        }
                    }
                }
            });
        }
    });
    if let Some(error) = locked(&failed).take() {
        return Err(error);
    }
    let mut done = std::mem::take(&mut *locked(&done));
    done.sort_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

/// A thread that panics poisons the lock; the panic itself is passed on when the scope ends.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
