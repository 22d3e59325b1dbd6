//! A map that forgets what was not asked for in a long while. Entries are in two generations; when the young one is
//! full it becomes the old one, and the old one goes. So there are never more than twice `capacity` entries, and each
//! access costs the same.

use std::{collections::HashMap, hash::Hash, mem};

use crate::seed::Seed;

/// A bounded map of what is in use.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    young: HashMap<K, V, Seed>,
    old: HashMap<K, V, Seed>,
    capacity: usize,
    forgotten: u64,
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    /// A map that keeps at least the last `capacity` entries in use.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            young: HashMap::default(),
            old: HashMap::default(),
            capacity,
            forgotten: 0,
        }
    }

    /// Looks up a key, which counts as use.
    pub(crate) fn get(&mut self, key: K) -> Option<V> {
        if let Some(value) = self.young.get(&key) {
            return Some(value.clone());
        }
        let value = self.old.remove(&key)?;
        self.insert(key, value.clone());
        Some(value)
    }

    /// Sets the value of a key.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.capacity && !self.young.contains_key(&key) {
            self.forgotten += self.old.len() as u64;
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    /// The value of a key, made where there is none. It counts as use.
    pub(crate) fn get_or_default(&mut self, key: K) -> &mut V
    where
        K: Copy,
        V: Default,
    {
        if !self.young.contains_key(&key) {
            let value = self.old.remove(&key).unwrap_or_default();
            self.insert(key, value);
        }
        self.young.entry(key).or_default()
    }

    /// The value of a key, if there is one. It does not count as use.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.young.get_mut(key).or_else(|| self.old.get_mut(key))
    }

    /// Forgets a key.
    pub(crate) fn remove(&mut self, key: &K) {
        if self.young.remove(key).is_none() {
            self.old.remove(key);
        }
    }

    /// How many entries have been forgotten because others came.
    pub(crate) const fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let mut recent = Recent::new(10);
        for key in 0..100 {
            recent.insert(key, key);
            assert_eq!(recent.get(0), Some(0), "after {key}");
        }

        assert_eq!(recent.get(99), Some(99));
        assert_eq!(recent.get(50), None);
        assert!(recent.young.len() + recent.old.len() <= 20);
    }
}
