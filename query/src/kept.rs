//! What was read last, within a bound of bytes: what nobody asked for the longest goes first.

use hashlink::LruCache;
use std::hash::Hash;

#[derive(Debug)]
pub(crate) struct Kept<K, V> {
    /// With the bytes of each.
    entries: LruCache<K, (V, usize)>,
    bytes: usize,
    bytes_max: usize,
    entry_bytes_max: usize,
}

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    /// At most `bytes_max` in all; what is larger than `entry_bytes_max` would push out too many others and is not kept.
    pub(crate) fn new(bytes_max: usize, entry_bytes_max: usize) -> Kept<K, V> {
        Kept { entries: LruCache::new_unbounded(), bytes: 0, bytes_max, entry_bytes_max }
    }

    pub(crate) fn find(&mut self, key: &K) -> Option<V> {
        self.entries.get(key).map(|(value, _)| value.clone())
    }

    pub(crate) fn put(&mut self, key: K, value: V, bytes: usize) {
        if bytes > self.entry_bytes_max {
            return;
        }
        self.bytes += bytes;
        if let Some((_, before)) = self.entries.insert(key, (value, bytes)) {
            self.bytes -= before;
        }
        while self.bytes > self.bytes_max
            && let Some((_, (_, oldest))) = self.entries.remove_lru()
        {
            self.bytes -= oldest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_last_is_kept_within_the_bound() {
        let mut kept = Kept::new(1_000, 500);
        for key in 0..3 {
            kept.put(key, "page", 300);
        }
        assert_eq!(kept.find(&0), Some("page"));
        kept.put(3, "page", 300);
        assert_eq!(kept.find(&1), None);
        assert_eq!(kept.find(&0), Some("page"));
        kept.put(3, "other", 200);
        assert_eq!((kept.find(&3), kept.bytes, kept.entries.len()), (Some("other"), 800, 3));
        kept.put(4, "too large", 501);
        assert_eq!((kept.find(&4), kept.bytes), (None, 800));
    }
}
