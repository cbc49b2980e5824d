//! The slices of an hour in memory: the bytes that the database has, with marks from which reading may begin.

use super::blob::{self, Hour, Read};
use super::history::Count;

/// Slices from one mark to the next.
const STEP: usize = 16;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packed {
    bytes: Box<[u8]>,
    /// In order; the first slices need none.
    marks: Box<[Mark]>,
}

#[derive(Debug, PartialEq, Eq)]
struct Mark {
    /// Of the slice that stands at `offset`.
    number: u16,
    offset: u32,
    /// All slices before it.
    before: Count,
}

impl Packed {
    pub fn of(hour: &Hour) -> Packed {
        let bytes = blob::encode(hour);
        let mut marks = Vec::with_capacity(hour.len() / STEP);
        let (mut read, mut sum) = (blob::read(&bytes), Count::default());
        for place in 0.. {
            let offset = (bytes.len() - read.left()) as u32;
            let Some((number, count)) = read.next() else { break };
            if place > 0 && place % STEP == 0 {
                marks.push(Mark { number, offset, before: sum });
            }
            sum = sum.plus(count);
        }
        Packed { bytes: bytes.into_boxed_slice(), marks: marks.into_boxed_slice() }
    }

    pub fn slices(&self) -> Read<'_> {
        blob::read(&self.bytes)
    }

    /// All slices before one.
    pub fn up_to(&self, number: u16) -> Count {
        let place = self.marks.partition_point(|mark| mark.number <= number);
        let (read, before) = match place.checked_sub(1).map(|place| &self.marks[place]) {
            Some(mark) => (blob::read_from(&self.bytes, mark.offset as usize), mark.before),
            None => (self.slices(), Count::default()),
        };
        let earlier = read.take_while(|(at, _)| *at < number);
        earlier.fold(before, |sum, (_, count)| sum.plus(count))
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        // With the two counters of what shares it.
        let own = size_of::<Packed>() + 2 * size_of::<usize>();
        own + self.bytes.len() + size_of_val(&*self.marks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_begin_at_any_mark() {
        for step in [1, 3, 7] {
            let slices = (0..360u16).step_by(step);
            let hour: Hour = slices
                .map(|at| (at, Count::new(u64::from(at) * 99, u64::from(at) * 100)))
                .collect();
            let packed = Packed::of(&hour);
            assert_eq!(packed.slices().count(), hour.values().filter(|of| of.total > 0).count());
            for number in 0..=360 {
                let sum = hour.range(..number).fold(Count::default(), |sum, (_, of)| sum.plus(*of));
                assert_eq!(packed.up_to(number), sum, "{number} by {step}");
            }
        }
        assert_eq!(Packed::of(&Hour::new()).up_to(9), Count::default());
    }
}
