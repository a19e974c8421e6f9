//! A few things at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How many files are fetched at once: enough to hide a mirror's latency, few enough to be polite.
pub(crate) const PARALLEL: usize = 4;

/// Does `work` for each item, a few at once; the result is in the order of `items`.
///
/// An error stops the items after it, while those before it are finished: of several errors it is
/// always the earliest item's that is returned, whatever the threads do.
pub(crate) fn in_parallel<T: Sync, R: Send, E: Send>(
    items: &[T],
    work: impl Fn(&T, &AtomicBool) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let stops: Vec<AtomicBool> = items.iter().map(|_| AtomicBool::new(false)).collect();
    let done: Mutex<Vec<(usize, Result<R, E>)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..PARALLEL.min(items.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let (Some(item), Some(stop)) = (items.get(at), stops.get(at)) else {
                        break;
                    };
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let result = work(item, stop);
                    if result.is_err() {
                        let later = stops.iter().skip(at + 1);
                        later.for_each(|stop| stop.store(true, Ordering::Relaxed));
                    }
                    locked(&done).push((at, result));
                }
            });
        }
    });
    let mut done = std::mem::take(&mut *locked(&done));
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// A thread that panics poisons the lock; the panic itself is passed on when the scope ends.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn results_are_in_order() {
        let items: Vec<u64> = (0..50).collect();
        let doubled = in_parallel(&items, |item, _| Ok::<_, ()>(item * 2));
        assert_eq!(doubled, Ok((0..50).map(|item| item * 2).collect()));
    }

    #[test]
    fn the_earliest_error_is_told_though_it_comes_last() {
        let failed = in_parallel(&[40, 0, 0, 0, 0, 0], |wait, _| {
            std::thread::sleep(Duration::from_millis(*wait));
            Err::<(), _>(*wait)
        });
        assert_eq!(failed, Err(40));
    }

    #[test]
    fn an_error_stops_what_comes_after_it() {
        let begun = AtomicUsize::new(0);
        let items: Vec<usize> = (0..1000).collect();
        let failed = in_parallel(&items, |item, stop| {
            begun.fetch_add(1, Ordering::Relaxed);
            if *item == 0 {
                return Err(0);
            }
            while !stop.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            Err(*item)
        });
        assert_eq!(failed, Err::<Vec<()>, _>(0));
        assert!(begun.load(Ordering::Relaxed) <= PARALLEL);
    }
}
