//! Work on many items by the threads of one query.

use parking_lot::Mutex;

/// Below this many samples starting threads costs more than it saves.
pub const SAMPLES_WORTH: usize = 1 << 17;

/// The results of `work`, in the order of the items.
pub fn map<T: Send, R: Send>(
    threads: usize,
    items: Vec<T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    if threads <= 1 || items.len() <= 1 {
        return items.into_iter().map(work).collect();
    }
    let count = items.len();
    let left = Mutex::new(items.into_iter().enumerate());
    let turn = || {
        let mut done = Vec::new();
        loop {
            let next = left.lock().next();
            let Some((place, item)) = next else { return done };
            done.push((place, work(item)));
        }
    };
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(count))
            .filter_map(|_| std::thread::Builder::new().spawn_scoped(scope, turn).ok())
            .collect();
        let mut done = turn();
        for other in others {
            match other.join() {
                Ok(theirs) => done.extend(theirs),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_keep_the_order_of_their_items() {
        for threads in [1, 2, 7] {
            let squares = super::map(threads, (0..100).collect(), |number: u64| number * number);
            assert_eq!(squares, (0..100).map(|number| number * number).collect::<Vec<_>>());
        }
    }
}
