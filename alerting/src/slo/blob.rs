//! The slices of one hour as bytes: a version, then of each slice with events its number within the hour, its good and its bad
//! events, as varints. A busy hour of ten-second slices takes some two kilobytes.

use super::history::{Count, SLICE_SECONDS};
use std::collections::BTreeMap;

const VERSION: u8 = 1;

pub const SLICES_PER_HOUR: i64 = 3_600 / SLICE_SECONDS;

/// By number within the hour.
pub type Hour = BTreeMap<u16, Count>;

pub fn encode(hour: &Hour) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    for (number, count) in hour.iter().filter(|(_, count)| count.total > 0) {
        put(u64::from(*number), &mut bytes);
        put(count.good, &mut bytes);
        put(count.bad(), &mut bytes);
    }
    bytes
}

/// `None` when these are not such bytes.
pub fn decode(bytes: &[u8]) -> Option<Hour> {
    let (&VERSION, mut rest) = bytes.split_first()? else { return None };
    let mut hour = Hour::new();
    while !rest.is_empty() {
        let number = u16::try_from(take(&mut rest)?).ok()?;
        let (good, bad) = (take(&mut rest)?, take(&mut rest)?);
        if i64::from(number) >= SLICES_PER_HOUR {
            return None;
        }
        hour.insert(number, Count::new(good, good.checked_add(bad)?));
    }
    Some(hour)
}

/// The slices of bytes that are known to be such; ends where they are not.
pub struct Read<'a>(&'a [u8]);

pub fn read(bytes: &[u8]) -> Read<'_> {
    read_from(bytes, 1)
}

/// From a slice that begins at `offset`.
pub fn read_from(bytes: &[u8], offset: usize) -> Read<'_> {
    Read(bytes.get(offset..).unwrap_or_default())
}

impl Read<'_> {
    /// Bytes that are still to be read.
    pub fn left(&self) -> usize {
        self.0.len()
    }
}

impl Iterator for Read<'_> {
    type Item = (u16, Count);

    fn next(&mut self) -> Option<(u16, Count)> {
        let number = u16::try_from(take(&mut self.0)?).ok()?;
        let (good, bad) = (take(&mut self.0)?, take(&mut self.0)?);
        Some((number, Count::new(good, good.saturating_add(bad))))
    }
}

/// Slices by number, as hours: hour → slices.
pub fn hours(slices: impl IntoIterator<Item = (i64, Count)>) -> BTreeMap<i64, Hour> {
    let mut hours: BTreeMap<i64, Hour> = BTreeMap::new();
    for (slice, count) in slices {
        let number = slice.rem_euclid(SLICES_PER_HOUR) as u16;
        let hour = hours.entry(slice.div_euclid(SLICES_PER_HOUR)).or_default();
        let sum = hour.entry(number).or_default();
        *sum = sum.plus(count);
    }
    hours
}

fn put(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    // Most numbers are small.
    if let [byte @ 0..0x80, rest @ ..] = *bytes {
        *bytes = rest;
        return Some(u64::from(*byte));
    }
    let mut number = 0u64;
    for shift in (0..70).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return None;
        }
        number |= part << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn hours_come_back(slices in prop::collection::btree_map(0u16..360, (any::<u32>(), 1u64..1 << 60), 0..40)) {
            let hour: Hour = slices.into_iter().map(|(at, (good, bad))| (at, Count::new(u64::from(good), u64::from(good) + bad))).collect();
            prop_assert_eq!(read(&encode(&hour)).collect::<Hour>(), hour.clone());
            prop_assert_eq!(decode(&encode(&hour)), Some(hour));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = (decode(&bytes), read(&bytes).count());
        }
    }

    #[test]
    fn slices_before_1970_have_hours_too() {
        let hours = hours([(-1, Count::new(1, 2)), (0, Count::new(1, 1)), (-1, Count::new(0, 1))]);
        assert_eq!(hours[&-1][&359], Count::new(1, 3));
        assert_eq!(hours[&0][&0], Count::new(1, 1));
    }
}
