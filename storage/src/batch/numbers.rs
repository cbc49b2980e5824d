//! Numbers of a finished batch, in as few bytes each as the largest needs: the buffer holds them until they are flushed.

/// Codes and row numbers.
#[derive(Debug, Clone)]
pub enum Numbers {
    One(Vec<u8>),
    Two(Vec<u16>),
    Four(Vec<u32>),
}

impl Default for Numbers {
    fn default() -> Self {
        Numbers::Four(Vec::new())
    }
}

impl Numbers {
    /// Only while a batch is built.
    #[inline]
    pub(super) fn push(&mut self, number: u32) {
        match self {
            Numbers::Four(numbers) => numbers.push(number),
            _ => unreachable!("a finished batch does not grow"),
        }
    }

    #[inline]
    pub fn get(&self, index: usize) -> u32 {
        match self {
            Numbers::One(numbers) => u32::from(numbers[index]),
            Numbers::Two(numbers) => u32::from(numbers[index]),
            Numbers::Four(numbers) => numbers[index],
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Numbers::One(numbers) => numbers.len(),
            Numbers::Two(numbers) => numbers.len(),
            Numbers::Four(numbers) => numbers.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where `number` is among ascending ones.
    pub fn find(&self, number: u32) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle) < number { low = middle + 1 } else { high = middle }
        }
        (low < self.len() && self.get(low) == number).then_some(low)
    }

    /// Keeps those whose place says so.
    pub(super) fn retain(&mut self, keep: &[bool]) {
        match self {
            Numbers::One(numbers) => retain(numbers, keep),
            Numbers::Two(numbers) => retain(numbers, keep),
            Numbers::Four(numbers) => retain(numbers, keep),
        }
    }

    pub fn last(&self) -> Option<u32> {
        self.len().checked_sub(1).map(|last| self.get(last))
    }

    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.len()).map(|index| self.get(index))
    }

    pub(super) fn clear(&mut self) {
        match self {
            Numbers::Four(numbers) => numbers.clear(),
            narrow => *narrow = Numbers::default(),
        }
    }

    /// A copy that takes no more memory than it needs.
    pub(super) fn compact(&self) -> Numbers {
        let Numbers::Four(numbers) = self else { return self.clone() };
        match numbers.iter().copied().max().unwrap_or(0) {
            0..=0xff => Numbers::One(numbers.iter().map(|&number| number as u8).collect()),
            0x100..=0xffff => Numbers::Two(numbers.iter().map(|&number| number as u16).collect()),
            _ => Numbers::Four(numbers.as_slice().to_vec()),
        }
    }

    pub(super) fn memory(&self) -> usize {
        match self {
            Numbers::One(numbers) => numbers.capacity(),
            Numbers::Two(numbers) => numbers.capacity() * 2,
            Numbers::Four(numbers) => numbers.capacity() * 4,
        }
    }
}

pub(super) fn retain<T>(list: &mut Vec<T>, keep: &[bool]) {
    let mut keep = keep.iter();
    list.retain(|_| *keep.next().expect("as many as values"));
}

/// Integers and times.
#[derive(Debug, Clone)]
pub enum Integers {
    Wide(Vec<i64>),
    /// Near the smallest of them.
    Above {
        base: i64,
        above: Numbers,
    },
}

impl Default for Integers {
    fn default() -> Self {
        Integers::Wide(Vec::new())
    }
}

impl Integers {
    /// Only while a batch is built.
    #[inline]
    pub(super) fn push(&mut self, integer: i64) {
        match self {
            Integers::Wide(integers) => integers.push(integer),
            Integers::Above { .. } => unreachable!("a finished batch does not grow"),
        }
    }

    #[inline]
    pub fn get(&self, index: usize) -> i64 {
        match self {
            Integers::Wide(integers) => integers[index],
            Integers::Above { base, above } => base.wrapping_add(i64::from(above.get(index))),
        }
    }

    /// Keeps those whose place says so.
    pub(super) fn retain(&mut self, keep: &[bool]) {
        match self {
            Integers::Wide(integers) => retain(integers, keep),
            Integers::Above { above, .. } => above.retain(keep),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Integers::Wide(integers) => integers.len(),
            Integers::Above { above, .. } => above.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn clear(&mut self) {
        match self {
            Integers::Wide(integers) => integers.clear(),
            Integers::Above { .. } => *self = Integers::default(),
        }
    }

    /// A copy that takes no more memory than it needs.
    pub(super) fn compact(&self) -> Integers {
        let Integers::Wide(integers) = self else { return self.clone() };
        let min = integers.iter().copied().min().unwrap_or(0);
        let max = integers.iter().copied().max().unwrap_or(0);
        let above = |integer: i64| integer.wrapping_sub(min) as u64;
        let above = match above(max) {
            0..=0xff => Numbers::One(integers.iter().map(|&i| above(i) as u8).collect()),
            0x100..=0xffff => Numbers::Two(integers.iter().map(|&i| above(i) as u16).collect()),
            0x1_0000..=0xffff_ffff => {
                Numbers::Four(integers.iter().map(|&i| above(i) as u32).collect())
            }
            _ => return Integers::Wide(integers.as_slice().to_vec()),
        };
        Integers::Above { base: min, above }
    }

    pub(super) fn memory(&self) -> usize {
        match self {
            Integers::Wide(integers) => integers.capacity() * 8,
            Integers::Above { above, .. } => above.memory(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_copies_are_equal_and_small() {
        let check = |integers: &[i64], bytes: usize| {
            let compact = Integers::Wide(integers.to_vec()).compact();
            assert_eq!((0..integers.len()).map(|i| compact.get(i)).collect::<Vec<_>>(), integers);
            assert_eq!(compact.memory(), bytes, "{integers:?}");
        };
        check(&[], 0);
        check(&[7, 7, 7], 3);
        check(&[-1, 254], 2);
        check(&[-1, 255], 4);
        check(&[1_700_000_000_000_000_000, 1_700_000_000_100_000_000], 8);
        check(&[i64::MIN, i64::MAX], 16);
        check(&[i64::MIN, -1], 16);
        for numbers in [vec![], vec![1, 255], vec![256, 0], vec![u32::MAX, 3]] {
            let compact = Numbers::Four(numbers.clone()).compact();
            assert_eq!(compact.iter().collect::<Vec<_>>(), numbers);
        }
    }
}
