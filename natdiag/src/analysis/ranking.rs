//! The smallest of many, in order, without keeping them all.

/// Takes items one by one and keeps the smallest.
#[derive(Debug)]
pub struct Ranking<T> {
    most: usize,
    kept: Vec<T>,
    /// What is not smaller is out already.
    bar: Option<T>,
}

impl<T: Ord + Copy> Ranking<T> {
    /// Keeps so many.
    #[must_use]
    pub const fn of(most: usize) -> Self {
        Self {
            most,
            kept: Vec::new(),
            bar: None,
        }
    }

    /// Takes one.
    pub fn push(&mut self, item: T) {
        if self.bar.is_some_and(|bar| item >= bar) {
            return;
        }
        self.kept.push(item);
        // Selecting takes time for each, so it waits until half of them can go.
        if self.kept.len() > self.most.saturating_mul(2) {
            self.select();
        }
    }

    /// Those kept, the smallest first.
    #[must_use]
    pub fn in_order(mut self) -> Vec<T> {
        self.select();
        self.kept.sort_unstable();
        self.kept
    }

    fn select(&mut self) {
        if self.most < self.kept.len() {
            let (_, first_out, _) = self.kept.select_nth_unstable(self.most);
            self.bar = Some(*first_out);
            self.kept.truncate(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_ranking_gives_what_sorting_gives(
            mut items: Vec<u8>,
            most in prop_oneof![0..20_usize, Just(usize::MAX)],
        ) {
            let mut ranking = Ranking::of(most);
            for item in &items {
                ranking.push(*item);
            }
            items.sort_unstable();
            items.truncate(most);
            prop_assert_eq!(ranking.in_order(), items);
        }
    }
}
